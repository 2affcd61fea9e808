"""One small application for each contender, all with the same pages, under servers or without.

Each module defines ``application``, made at its import and for a process of its own (those of one
framework may share a process; Django's then take turns, see ``django_site``). The pages:

- ``/none`` queues no task;
- ``/def`` queues one ``def`` task that does nothing, ``/def?ms=20`` one that sleeps;
- ``/async`` queues one ``async def`` task, with ``?ms=20`` likewise;
- ``/many`` queues five that end in their order only if they run one after the other;
- ``/ran`` answers JSON: how many tasks ended in this process, and if those of a response kept
  their order.

``catalogue.SITES`` says which of them a contender has.
"""
