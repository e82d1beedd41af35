from inhouse.models.assessment import Answer, Assessment, CategoryFacts, OtherRoute
from inhouse.models.changes import Change
from inhouse.models.classification import Classification
from inhouse.models.conformity import Conformity
from inhouse.models.deadlines import CalendarAddress, Deadline, Ladder, NextReminder, Reminder, Round
from inhouse.models.declarations import Declaration, UnmetRequirement
from inhouse.models.evidence import EvidenceDocument, EvidenceRecord
from inhouse.models.exitcopy import ExitCopy
from inhouse.models.followup import FollowUp, FollowUpAction
from inhouse.models.lifecycle import Step, Suspension, Withdrawal
from inhouse.models.lists import HandOut
from inhouse.models.market import Candidate, Ground, Lookup, MarketDevice, MarketFile, MarketSearch
from inhouse.models.owners import Appointment
from inhouse.models.readiness import Readiness
from inhouse.models.register import Checkpoint, Leaf
from inhouse.models.retention import Disposal, Hold, Keeping
from inhouse.models.signing import Frozen, Signature, Translation
from inhouse.models.software import AiPoint, AiStep, DataSet, SoftwareModule, SoftwarePlan, SoftwareTest

__all__ = [
    "AiPoint",
    "AiStep",
    "Answer",
    "Appointment",
    "Assessment",
    "CalendarAddress",
    "Candidate",
    "CategoryFacts",
    "Change",
    "Checkpoint",
    "Classification",
    "Conformity",
    "DataSet",
    "Deadline",
    "Declaration",
    "Disposal",
    "EvidenceDocument",
    "EvidenceRecord",
    "ExitCopy",
    "FollowUp",
    "FollowUpAction",
    "Frozen",
    "Ground",
    "HandOut",
    "Hold",
    "Keeping",
    "Ladder",
    "Leaf",
    "Lookup",
    "MarketDevice",
    "MarketFile",
    "MarketSearch",
    "NextReminder",
    "OtherRoute",
    "Readiness",
    "Reminder",
    "Round",
    "Signature",
    "SoftwareModule",
    "SoftwarePlan",
    "SoftwareTest",
    "Step",
    "Suspension",
    "Translation",
    "UnmetRequirement",
    "Withdrawal",
]
