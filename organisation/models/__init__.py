from organisation.models.absences import Absence
from organisation.models.people import Assignment, Role, User
from organisation.models.places import Administration, Authority, Institution, QualitySystem, Unit
from organisation.models.signing_in import Credential, Lockout, Proof

__all__ = [
    "Absence",
    "Administration",
    "Assignment",
    "Authority",
    "Credential",
    "Institution",
    "Lockout",
    "Proof",
    "QualitySystem",
    "Role",
    "Unit",
    "User",
]
