"""The views: each answers at once and leaves its slow part to a task."""

from asgiref.sync import sync_to_async
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from bgtasks_adapters import BackgroundTasks
from bgtasks_adapters.django import with_background_tasks
from django_example.members.forms import (
    ContactImportForm,
    FeedbackForm,
    PictureForm,
    SignUpForm,
)
from django_example.members.models import Contact, Feedback, Member, Picture
from django_example.members.services import accept_contacts
from django_example.members.tasks import (
    announce_feedback,
    make_thumbnail,
    send_welcome_mail,
)
from django_example.timeline.chart import draw_chart
from django_example.timeline.recording import timeline


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the forms, what has been done, and the timeline."""
    return _render_home(request)


@require_POST
@with_background_tasks
def sign_up(request: HttpRequest, background_tasks: BackgroundTasks) -> HttpResponse:
    """Register a member; the welcome mail goes out after the response."""
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return _render_home(request, sign_up_form=form)
    member = form.save()
    background_tasks.add_task(send_welcome_mail, member.pk)
    return redirect("home")


@require_POST
@with_background_tasks
def upload_picture(request: HttpRequest, background_tasks: BackgroundTasks) -> HttpResponse:
    """Store a picture; its thumbnail is made after the response."""
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return _render_home(request, picture_form=form)
    picture = form.save()
    background_tasks.add_task(make_thumbnail, picture.pk)
    return redirect("home")


@require_POST
@with_background_tasks
async def give_feedback(request: HttpRequest, background_tasks: BackgroundTasks) -> HttpResponse:
    """Store feedback; an async task posts it to the webhook after the response."""
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        return await sync_to_async(_render_home)(request, feedback_form=form)
    feedback = await Feedback.objects.acreate(**form.cleaned_data)
    background_tasks.add_task(announce_feedback, feedback.pk)
    return redirect("home")


@require_POST
def upload_contacts(request: HttpRequest) -> HttpResponse:
    """Accept a CSV file; the service queues the import from below the view."""
    form = ContactImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _render_home(request, contacts_form=form)
    accept_contacts(form.cleaned_data["file"])
    return redirect("home")


def _render_home(request: HttpRequest, **rejected_forms: BaseForm) -> HttpResponse:
    context = {
        "sign_up_form": SignUpForm(),
        "picture_form": PictureForm(),
        "feedback_form": FeedbackForm(),
        "contacts_form": ContactImportForm(),
        **rejected_forms,
        "members": Member.objects.count(),
        "members_welcomed": Member.objects.exclude(welcomed_at=None).count(),
        "pictures": Picture.objects.count(),
        "thumbnails": Picture.objects.exclude(thumbnail="").count(),
        "feedback": Feedback.objects.count(),
        "feedback_delivered": Feedback.objects.exclude(delivered_at=None).count(),
        "contacts": Contact.objects.count(),
        "chart": draw_chart(timeline.requests()),
    }
    status = 422 if rejected_forms else 200
    return render(request, "members/home.html", context, status=status)
