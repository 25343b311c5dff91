"""The training loop, the same for all methods: from unlabelled clips to weights with a card.

A method says what one step is (`types.Trainee`); everything else is here. Sample i of step s is
drawn from (seed, s, i) alone, so a training goes on exactly from its step, weights and optimiser
state, and several processes see what one would see.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from vosbench.errors import MethodError, VosbenchError
from vosbench.files import alone_in
from vosbench.training.batches import batches, held_batch
from vosbench.training.folder import (
    CHECKPOINT,
    add_line,
    cut_logs,
    draw,
    load_checkpoint,
    save_checkpoint,
)
from vosbench.training.record import finish, start
from vosbench.training.settings import Settings, trainable

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn, optim

    from vosbench.training.plan import TrainingPlan


class Show(Protocol):
    """What is told of a training while it runs."""

    def step(self, done: int, figures: dict[str, float]) -> None:
        """So many steps are done; the last line of the log."""
        ...

    def say(self, text: str) -> None:
        """Something that a person should read."""
        ...


Showing = Callable[[str, int, int], AbstractContextManager[Show]]  # label, steps done, steps


class Trained(NamedTuple):
    """How a call of `train` ended: `weights` is None where it was stopped before the last step."""

    folder: Path
    step: int
    weights: Path | None
    complaints: list[str]


def train(plan: TrainingPlan, *, showing: Showing) -> Trained:
    """Train, from the first step or from the checkpoint of the plan's folder.

    SIGINT and SIGTERM end it after the step at work, with a checkpoint.

    Raises:
        MethodError: a loss or a weight is not finite; the last good checkpoint is kept.
        DataError: the checkpoint or a log is damaged.
        UsageError: another process is at work in the folder.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy
    from torch.multiprocessing.spawn import ProcessException, ProcessExitedException

    config = plan.config
    accelerator, _, number = config.device.partition(":")
    fabric = Fabric(
        accelerator=accelerator,
        devices=[int(number)] if number else config.processes,
        # Parameters may serve in one part of a training only, so unused ones are looked for.
        strategy=DDPStrategy(start_method="spawn", find_unused_parameters=True)
        if config.processes > 1 else "auto",
        precision=cast(Any, config.precision),
    )  # fmt: skip
    plan.folder.mkdir(parents=True, exist_ok=True)
    with alone_in(plan.folder):
        start(plan)
        if config.processes == 1:
            with _threads(plan.threads):
                return _work(fabric, plan=plan, showing=showing)
        told = multiprocessing.get_context("spawn").SimpleQueue()
        with _signals(_pass_on):
            try:
                work = partial(_work_or_tell, plan=plan, showing=showing, told=told)
                return cast(Trained, fabric.launch(work))
            except ProcessException as ended:
                if told.empty():
                    if isinstance(ended, ProcessExitedException):
                        raise _killed(ended.error_index, ended.signal_name, plan.folder) from None
                    raise
        raise told.get()


def _work_or_tell(fabric: Fabric, *, plan: TrainingPlan, showing: Showing, told: Any) -> Trained:
    """`_work` in a child process: what a user can mend reaches the parent without a traceback.

    It is raised as well, as that ends the other processes: they would wait for this one.
    """
    try:
        with _threads(plan.threads):
            return _work(fabric, plan=plan, showing=showing)
    except (VosbenchError, OSError) as error:
        told.put(error)
        raise


def _work(fabric: Fabric, *, plan: TrainingPlan, showing: Showing) -> Trained:
    """The training as one of its processes sees it."""
    import torch

    config, settings, total = plan.config, plan.chosen.settings, plan.steps
    torch.manual_seed(config.seed)
    trainee: Any = trainable(config.method).trainee(
        plan.chosen.options, plan.chosen.training, seed=config.seed
    )
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        convert: Callable[[Any], Any] = torch.nn.SyncBatchNorm.convert_sync_batchnorm
        trainee = convert(trainee)
    optimizer = _optimizer(trainee, settings)
    module, stepper = fabric.setup(trainee, optimizer)
    state = load_checkpoint(plan.folder, trainee, optimizer, steps=total)
    leads = fabric.global_rank == 0
    if leads:
        cut_logs(plan.folder, state.step)
    diagnose = _Diagnosis(plan, trainee, fabric.device)
    asked: list[int] = []
    feed = batches(plan, state.step, rank=fabric.global_rank, processes=fabric.world_size)
    with (
        _signals(asked.append),
        closing(feed) as drawn,
        (showing if leads else silent)(plan.label, state.step, total) as show,
        _events(plan.folder, state.step, wanted=leads) as note,
    ):
        saved, stopped = time.monotonic(), False
        while state.step < total and not stopped:
            began = time.perf_counter()
            rate = settings.rate(state.step, clips=len(plan.clips))
            for group in optimizer.param_groups:
                group["lr"] = rate
            # Whatever a network draws (dropout) follows from the step, so that it can be repeated.
            torch.manual_seed(config.seed + 7919 * state.step + 104729 * fabric.global_rank)
            frames, seeds = (part.to(fabric.device, non_blocking=True) for part in next(drawn))
            figures = module(frames, seeds, state.step / total)
            numbers, stopped = _agree(fabric, figures, stop=bool(asked))
            # Before gradients: those of NaN positions read outside of memory (grid_sample on CPU).
            if not np.isfinite(numbers["loss"]):
                raise _not_finite(f"the loss is {numbers['loss']}", state.step, rate, plan.folder)
            fabric.backward(figures["loss"])
            if settings.clip_norm:
                fabric.clip_gradients(
                    module, stepper, max_norm=settings.clip_norm, error_if_nonfinite=False
                )
            stepper.step()
            stepper.zero_grad()
            state.add(numbers, seconds=time.perf_counter() - began)
            if not leads:
                continue
            if state.step % settings.log_every == 0 or state.step == total:
                row = state.line(rate, images=settings.batch * settings.frames)
                add_line(plan.folder / "log.csv", row)
                note(row, "training")
                show.step(state.step, row)
            else:
                show.step(state.step, {})
            due = time.monotonic() - saved >= 60 * settings.checkpoint_minutes
            if stopped or due or state.step == total:
                try:
                    save_checkpoint(plan.folder, state, trainee, optimizer)
                except FloatingPointError as error:
                    raise _not_finite(
                        f"{error} has values", state.step - 1, rate, plan.folder
                    ) from None
                if due and not stopped and state.step < total:
                    note(diagnose(state.step, show), "diagnostics")
                saved = time.monotonic()
        weights, complaints = None, []
        if leads and state.step == total:
            diagnostics = diagnose(state.step, show)
            note(diagnostics, "diagnostics")
            complaints = trainee.complaints(diagnostics)
            weights = finish(
                plan, trainee.network.state_dict(), state,
                diagnostics=diagnostics, complaints=complaints,
            )  # fmt: skip
    return Trained(plan.folder, state.step, weights, complaints)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """So many threads of torch within it; what this process does next has its own number again."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _optimizer(module: nn.Module, settings: Settings) -> optim.Optimizer:
    import torch

    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            learned, settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    return torch.optim.Adam(learned, settings.lr, weight_decay=settings.weight_decay)


def _agree(
    fabric: Fabric, figures: dict[str, Tensor], *, stop: bool
) -> tuple[dict[str, float], bool]:
    """The figures of the whole batch, and whether any process was asked to stop."""
    import torch

    values = [figure.detach().float().reshape(()) for figure in figures.values()]
    together = torch.stack([*values, values[0].new_tensor(float(stop))])
    if fabric.world_size > 1:
        together = cast("Tensor", fabric.all_reduce(together, reduce_op="mean"))
    *numbers, asked = together.tolist()
    return dict(zip(figures, numbers, strict=True)), asked > 0


def _killed(rank: int, by: str | None, folder: Path) -> MethodError:
    """A process of the training ended from outside, which alone it cannot tell."""
    what = f"by {by}" if by else "from outside"
    return MethodError(
        f"process {rank} of the training was ended {what}, as a system does that runs out of "
        f"memory; {_kept(folder)}go on with --resume, or start again with fewer --processes or a "
        "smaller batch"
    )


def _kept(folder: Path) -> str:
    is_there = (folder / CHECKPOINT).exists()
    return f"the last good checkpoint is kept in {folder}; " if is_there else ""


def _not_finite(what: str, step: int, rate: float, folder: Path) -> MethodError:
    return MethodError(
        f"{what}, not finite, at step {step + 1}, learning rate {rate:.3g}; {_kept(folder)}try a "
        "smaller lr, a longer warmup or clip_norm in a new training"
    )


class _Diagnosis:
    """Diagnostics and a picture of one fixed batch of held-out clips, if any could be spared."""

    def __init__(self, plan: TrainingPlan, trainee: Any, device: Any) -> None:
        self.plan, self.trainee, self.device = plan, trainee, device
        self.batch: tuple[Tensor, Tensor] | None = None

    def __call__(self, step: int, show: Show) -> dict[str, float]:
        """Compute, log, draw and tell; complaints are named."""
        import torch

        if self.batch is None:
            drawn = held_batch(self.plan)
            self.batch = (drawn[0].to(self.device), drawn[1].to(self.device))
        self.trainee.eval()
        with torch.no_grad():
            figures: dict[str, float] = self.trainee.diagnose(*self.batch)
            pictures = self.trainee.picture(*self.batch)
        self.trainee.train()
        folder = self.plan.folder
        add_line(folder / "diagnostics.csv", {"step": step, **figures})
        draw(folder / "pictures" / f"step-{step:06d}.png", pictures)
        shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
        which = "training" if self.plan.held == self.plan.clips else "held-out"
        show.say(f"step {step}, {which} clips: {shown}")
        for complaint in self.trainee.complaints(figures):
            show.say(f"warning: {complaint}")
        return figures


@contextmanager
def _events(
    folder: Path, step: int, *, wanted: bool
) -> Iterator[Callable[[dict[str, float], str], None]]:
    """A function that writes figures for TensorBoard; those after `step` are taken back."""
    if not wanted:
        yield lambda figures, group: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:  # a machine lent for training may lack it; log.csv says the same
        yield lambda figures, group: None
        return

    at = step

    def note(figures: dict[str, float], group: str) -> None:
        nonlocal at
        at = int(figures.get("step", at))
        for key, value in figures.items():
            if key != "step":
                writer.add_scalar(f"{group}/{key}", value, at)

    with (
        _threads_tell_no_oserror(),
        closing(SummaryWriter(str(folder), purge_step=step + 1)) as writer,
    ):
        yield note


@contextmanager
def _threads_tell_no_oserror() -> Iterator[None]:
    """Within it, an OSError in a thread is not printed: the writer raises it again in this one."""
    before = threading.excepthook

    def tell(ended: threading.ExceptHookArgs) -> None:
        if not isinstance(ended.exc_value, OSError):
            before(ended)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before


@contextmanager
def silent(label: str, done: int, total: int) -> Iterator[Show]:
    """A silent progress display, for non-leading processes."""

    class Silent:
        def step(self, done: int, figures: dict[str, float]) -> None:
            return

        def say(self, text: str) -> None:
            return

    yield Silent()


@contextmanager
def _signals(act: Callable[[int], None]) -> Iterator[None]:
    """Within it, the first SIGINT or SIGTERM is an act; a second one does what it always does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        act(number)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on(number: int) -> None:
    """Tell this process's children to stop; a terminal's Ctrl-C has reached them already."""
    if number == signal.SIGTERM:
        for child in multiprocessing.active_children():
            if child.pid is not None:
                os.kill(child.pid, signal.SIGTERM)
