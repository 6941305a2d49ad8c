"""Delete the files of avatars that no account shows any more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from profiles.services import avatars


class Command(BaseCommand):
    """`purge_avatars [--dry-run]`: what an interrupted upload or a deleted account has left behind."""

    help = "Delete the files of avatars that no account shows, if they are an hour old or more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only name the files.")

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for name in avatars.orphans():
            count += 1
            if options["dry_run"]:
                self.stdout.write(name)
            else:
                avatars.delete_orphan(name)
        done = _("%(count)d files would be deleted.") if options["dry_run"] else _("%(count)d files deleted.")
        self.stdout.write(done % {"count": count})
