"""FastAPI's way: the body read by the event loop, the work in its thread pool. Run by uvicorn."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from benchmarks.serve.handling import load

app = FastAPI()
classify = load()


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """Classify the image that is the body."""
    return {"labels": await run_in_threadpool(classify, await request.body())}
