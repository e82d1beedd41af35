"""PostgreSQL that knows who is acting: in settings of the transaction, which end with it."""

from __future__ import annotations

from django.db.backends.postgresql import base

from organisation.database.acting import HandsOver, Told

TELL = """SELECT set_config('femfem.actor', %s, true), set_config('femfem.reason', %s, true),
    set_config('femfem.moment', %s, true)"""


class DatabaseWrapper(HandsOver, base.DatabaseWrapper):
    def _tell(self, actor: Told) -> None:
        user = "" if actor.user_id is None else str(actor.user_id)
        moment = actor.moment.isoformat() if actor.moment else ""
        with self.wrap_database_errors:
            self.connection.execute(TELL, (user, actor.reason, moment))
