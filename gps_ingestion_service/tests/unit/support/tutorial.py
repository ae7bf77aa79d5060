"""An ingestion service as tutorials write it: what `make bench` compares ours with.

FastAPI, a Pydantic model, an async SQLAlchemy session from a pool, an insert and a
commit for each request. Nothing is wrong with it: what it acknowledges is committed. It
has a primary key like ours, and makes its own table.

Run it with uvicorn: ``uvicorn support.tutorial:app``; ``TUTORIAL_DATABASE_URL`` is a
SQLAlchemy URL (``postgresql+asyncpg://...``).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import DateTime, String
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["TUTORIAL_DATABASE_URL"], pool_size=20, max_overflow=0
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables of this program."""


class Position(Base):
    """A stored position."""

    __tablename__ = "tutorial_position"

    device_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), primary_key=True
    )
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    latitude: Mapped[float]
    longitude: Mapped[float]
    speed: Mapped[float | None]
    course: Mapped[float | None]


class PositionIn(BaseModel):
    """A position as it is sent."""

    device_id: Annotated[str, Field(max_length=64)]
    timestamp: AwareDatetime
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    speed: float | None = None
    course: float | None = None


class Answer(BaseModel):
    """How many were stored."""

    accepted: int


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Make the table."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with new_session() as opened:
        yield opened


@app.post("/positions")
async def receive(
    position: PositionIn, database: Annotated[AsyncSession, Depends(session)]
) -> Answer:
    """Store one position, acknowledged after commit."""
    database.add(Position(**position.model_dump(), received_at=datetime.now(UTC)))
    await database.commit()
    return Answer(accepted=1)
