from documents.models.signing import SignedFile
from documents.models.storing import Document, StoredFile
from documents.models.timestamps import Timestamp, TimestampRequest

__all__ = ["Document", "SignedFile", "StoredFile", "Timestamp", "TimestampRequest"]
