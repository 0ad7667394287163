"""Read the environment, once, into a frozen `Settings`."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

ROOT = Path(__file__).resolve().parent.parent
"""The folder of `app.py`: the checkout on a laptop, the task root on Lambda."""

DEPLOYED_VENDOR = Path(msgspec.__file__).resolve().parents[1]
"""Where Chalice puts `vendor/`: among the dependencies, in the function's zip or in Chalice's
layer."""

MEMORY_PER_CPU_MB = 1769
"""Lambda gives one vCPU for each 1,769 MB
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

MOST_AT_ONCE = 4
"""Inferences at the same time on a laptop. With more CPUs, each gets several threads, because every
copy of a network takes memory."""

EngineName = Literal["auto", "litert", "onnxruntime"]
"""What runs networks: LiteRT, ONNX Runtime, or the faster of the two for package and host."""


OF_TOKENS = ("TOKEN_SHA256", "TOKEN_PARAMETER")
"""Variables of a stage that needs a token. The second is from earlier versions."""


class SettingsError(ValueError):
    """An environment variable has a value that cannot be used; the message names it."""


class Settings(msgspec.Struct, frozen=True):
    """The settings of the service.

    on_lambda: whether this is a Lambda function, whose own folders are read-only.
    model: name of the package that answers if a request names none.
    fallback_model: the package that answers if `model` cannot be found; none on Lambda, where an
        answer by another model would be a silent fault.
    stands_in_for: name of the model that `make run` could not fetch and serves `model` instead of;
        empty otherwise.
    model_dirs: folders of model packages, in the order of the search. The last is the cache, the
        only folder that is ever written to.
    models_bucket: bucket of further packages, as `s3://BUCKET/NAME/`; empty for none.
    image_buckets: the buckets that an `s3_uri` may name, the images bucket among them.
    images_bucket, results_bucket, work_queue: what batches run on; empty if not set up.
    results_queue: the queue for answers to bare URLs on the work queue; empty for none.
    event_source: of the events that tell how batches and runs end; empty to tell nobody.
    arms: the experiment's models and their shares of the traffic, `a=0.9 b=0.1`; empty for no
        experiment.
    workflow: ARN of the state machine; empty if not set up.
    public: whether everybody may call. A deployed stage must say so and name no token. On a
        loopback address everybody may, unless PUBLIC says no.
    token_sha256: SHA-256 of the callers' token, in hexadecimal digits; empty without a token.
    allow_loopback: whether a URL may lead to this machine's loopback addresses, on any port.
    allow_slow_kernels: whether a model without LiteRT's fast kernels counts as healthy.
    teaches: whether the server has the routes by which the page teaches, as a laptop's may.
    engine: what runs networks.
    threads: CPU threads of one inference.
    at_once: inferences that may run at the same time and then share the threads. 1 on Lambda,
        where a container has one caller.
    """

    on_lambda: bool
    model: str
    fallback_model: str
    stands_in_for: str
    model_dirs: tuple[Path, ...]
    models_bucket: str
    image_buckets: frozenset[str]
    images_bucket: str
    results_bucket: str
    work_queue: str
    results_queue: str
    event_source: str
    arms: str
    workflow: str
    public: bool
    token_sha256: str
    allow_loopback: bool
    allow_slow_kernels: bool
    teaches: bool
    engine: EngineName
    threads: int
    at_once: int

    @classmethod
    def from_environment(
        cls, env: Mapping[str, str] = os.environ, local_host: str | None = None
    ) -> "Settings":
        """Reads the settings from `env`.

        local_host: the address that a server on this machine listens on; None without a server, as
        on Lambda and while the app is deployed.
        Raises SettingsError, naming the variable, if a value cannot be used.
        """
        on_lambda = "AWS_LAMBDA_FUNCTION_NAME" in env
        bundled = DEPLOYED_VENDOR if on_lambda else ROOT / "vendor"
        default_cache = Path("/tmp/models") if on_lambda else ROOT / ".models"
        cache = Path(env.get("MODEL_DIR") or default_cache)
        return cls(
            on_lambda=on_lambda,
            model=env.get("MODEL") or "inception-v3",
            fallback_model=env.get("FALLBACK_MODEL", "" if on_lambda else "doodle"),
            stands_in_for=env.get("STANDS_IN_FOR", ""),
            model_dirs=(bundled / "models", Path("/opt/models"), cache),
            models_bucket=env.get("MODELS_BUCKET", ""),
            image_buckets=_names(env, "IMAGE_BUCKETS") | _names(env, "IMAGES_BUCKET"),
            images_bucket=env.get("IMAGES_BUCKET", ""),
            results_bucket=env.get("RESULTS_BUCKET", ""),
            work_queue=env.get("WORK_QUEUE", ""),
            results_queue=env.get("RESULTS_QUEUE", ""),
            event_source=env.get("EVENT_SOURCE", ""),
            arms=env.get("ARMS", "").strip(),
            workflow=env.get("WORKFLOW", ""),
            public=_public(env, local_host),
            token_sha256=env.get("TOKEN_SHA256", "").strip(),
            allow_loopback=_boolean(env, "ALLOW_LOOPBACK", default=not on_lambda),
            allow_slow_kernels=_boolean(env, "ALLOW_SLOW_KERNELS", default=not on_lambda),
            teaches=_boolean(env, "TEACHES", default=False),
            engine=_engine(env),
            threads=(threads := _threads(env)),
            at_once=1 if on_lambda else min(threads, MOST_AT_ONCE),
        )


def _names(env: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(env.get(name, "").replace(",", " ").split())


def _public(env: Mapping[str, str], local_host: str | None) -> bool:
    if local_host is None:
        # PUBLIC may come from the shell of the person who deploys, not from the stage
        return _boolean(env, "PUBLIC") and not any(env.get(name, "").strip() for name in OF_TOKENS)
    return _boolean(env, "PUBLIC", default=is_loopback(local_host))


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own (RFC 6761, section 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _boolean(env: Mapping[str, str], name: str, default: bool = False) -> bool:
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{name} must be true or false, not {value!r}.")


def _engine(env: Mapping[str, str]) -> EngineName:
    name = env.get("ENGINE", "").strip().lower() or "auto"
    if name not in get_args(EngineName):
        raise SettingsError(
            f"ENGINE must be one of {', '.join(get_args(EngineName))}, not {name!r}."
        )
    return cast(EngineName, name)


def _threads(env: Mapping[str, str]) -> int:
    """Returns `THREADS`, else the CPUs that the memory size buys, else this machine's CPUs."""
    threads = env.get("THREADS")
    if threads:
        if not threads.isdigit() or int(threads) < 1:
            raise SettingsError(f"THREADS must be a whole number of at least 1, not {threads!r}.")
        return int(threads)
    memory = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory.isdigit():
        return max(1, -(-int(memory) // MEMORY_PER_CPU_MB))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
