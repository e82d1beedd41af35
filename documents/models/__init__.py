from documents.models.checking import FileCheck
from documents.models.reading import FileText
from documents.models.signing import SignedFile
from documents.models.storing import Document, StoredFile

__all__ = ["Document", "FileCheck", "FileText", "SignedFile", "StoredFile"]
