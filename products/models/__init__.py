from products.models.items import Item, Placement, UnitUse
from products.models.patients import Patient, PatientIdentity, PatientLookUp, PatientUse
from products.models.product import Part, Product, Revision

__all__ = [
    "Item",
    "Part",
    "Patient",
    "PatientIdentity",
    "PatientLookUp",
    "PatientUse",
    "Placement",
    "Product",
    "Revision",
    "UnitUse",
]
