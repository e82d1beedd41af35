from documents.models.checking import FileCheck
from documents.models.erasing import ErasedRow, Erasure
from documents.models.reading import FileText
from documents.models.seals import HistoryCheck, HistorySeal, SealedColumns, SealedRows
from documents.models.signing import SignedFile
from documents.models.storing import Document, StoredFile
from documents.models.timestamps import Timestamp, TimestampRequest

__all__ = [
    "Document",
    "ErasedRow",
    "Erasure",
    "FileCheck",
    "FileText",
    "HistoryCheck",
    "HistorySeal",
    "SealedColumns",
    "SealedRows",
    "SignedFile",
    "StoredFile",
    "Timestamp",
    "TimestampRequest",
]
