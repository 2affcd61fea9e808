"""The site itself: members, their pictures, feedback and imported contacts."""
