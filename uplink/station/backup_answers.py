"""What the station answers about its backups."""

from __future__ import annotations

from pydantic import Field

from uplink.messages import Message, UtcTime


class BackupRecord(Message):
    """One that is complete: it was read back when it was made."""

    name: str = Field(description="of its folder")
    made_at: UtcTime
    pictures: int = Field(ge=0)
    database_bytes: int = Field(ge=0)


class BackupProgress(Message):
    """One that is being made."""

    what: str = Field(description="`database` or `pictures`")
    done: int = Field(ge=0)
    of: int = Field(ge=0)
    by: str


class BackupsState(Message):
    """Backups in the folder that the page makes them in. Others, of the command line, may be elsewhere."""

    folder: str = Field(description="on the station's machine")
    same_disk: bool = Field(description="the disk that fails takes them along")
    keep: int = Field(ge=1, description="so many of the newest stay")
    backups: list[BackupRecord] = Field(description="the newest first, a hundred at most")
    making: BackupProgress | None
    failure: str = Field(
        description="why the latest could not be made, or what is wrong with it; empty: nothing"
    )
