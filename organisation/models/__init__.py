from organisation.models.people import Assignment, Role, User
from organisation.models.places import Administration, Authority, Institution, QualitySystem, Unit

__all__ = ["Administration", "Assignment", "Authority", "Institution", "QualitySystem", "Role", "Unit", "User"]
