"""What runs in the process of a server: the application, its pages and tasks, its announcements.

No part of it imports pytest or knows a framework.
"""
