"""The four forms of the home page."""

from django import forms
from django.core.files.uploadedfile import UploadedFile

from django_example.members.models import ContactImport, Feedback, Member, Picture


class SignUpForm(forms.ModelForm):
    """A new member's name and address."""

    class Meta:
        model = Member
        fields = ("name", "email")


class PictureForm(forms.ModelForm):
    """An image file."""

    class Meta:
        model = Picture
        fields = ("original",)


class FeedbackForm(forms.ModelForm):
    """A few words."""

    class Meta:
        model = Feedback
        fields = ("text",)


class ContactImportForm(forms.ModelForm):
    """A CSV file whose first line names the columns."""

    class Meta:
        model = ContactImport
        fields = ("file",)

    def clean_file(self) -> UploadedFile:
        """Refuse a file without the columns now: nobody reads an error of the task."""
        file: UploadedFile = self.cleaned_data["file"]
        header = file.readline().decode("utf-8-sig", errors="replace").strip().split(",")
        file.seek(0)
        if not {"name", "email"} <= set(header):
            raise forms.ValidationError("The first line must name the columns: name,email")
        return file
