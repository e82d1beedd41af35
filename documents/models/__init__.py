from documents.models.signing import SignedFile
from documents.models.storing import Document, StoredFile

__all__ = ["Document", "SignedFile", "StoredFile"]
