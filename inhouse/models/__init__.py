from inhouse.models.assessment import Answer, Assessment
from inhouse.models.changes import Change
from inhouse.models.declarations import Declaration, UnmetRequirement
from inhouse.models.evidence import EvidenceDocument, EvidenceRecord
from inhouse.models.followup import FollowUp, FollowUpAction
from inhouse.models.lifecycle import Step, Suspension, Withdrawal
from inhouse.models.lists import HandOut
from inhouse.models.market import Candidate, MarketSearch
from inhouse.models.owners import Appointment
from inhouse.models.readiness import Readiness

__all__ = [
    "Answer",
    "Appointment",
    "Assessment",
    "Candidate",
    "Change",
    "Declaration",
    "EvidenceDocument",
    "EvidenceRecord",
    "FollowUp",
    "FollowUpAction",
    "HandOut",
    "MarketSearch",
    "Readiness",
    "Step",
    "Suspension",
    "UnmetRequirement",
    "Withdrawal",
]
