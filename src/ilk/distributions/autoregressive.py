"""A distribution over images that factorises over pixels in raster order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from ..machine import threads
from ..nn.pixelnet import Conditional, Context
from .guided import Guided, SideBySide
from .likelihoods import Likelihood

__all__ = ["Autoregressive"]

_TOGETHER = {"cpu": 32}  # Images in a forward pass without gradients: few fit a CPU's caches.
_ELSEWHERE = 512
# Multiplications of a step from which threads share it. Below that a product takes microseconds,
# and waiting for another thread at each of them costs more than it saves: milliseconds, where
# processors are busy.
_SHARED = 1 << 26


class Autoregressive(Distribution):
    r"""An exact distribution over integer images, all from one conditional.

    .. math:: p(x \mid c) = \prod_{t=1}^{HW} p(x_t \mid x_{<t}, c)

    Values are `0..levels-1`. A sample is an exact draw from `exp(log_prob)`: sampling, scoring and
    completing all go through one network and one likelihood.

    Source: van den Oord et al., *Pixel recurrent neural networks*, 2016 (arXiv 1601.06759),
    equation 1; Reed et al., 2018 (arXiv 1710.10304), equation 1.

    Arguments:
        net: The conditional.
        likelihood: Of one pixel.
        shape: Of an image, `(C, H, W)`.
        context: What it is conditioned on.
        batch_shape: `()` or `(B,)`, B conditions at once.
        free: Makes the context of the empty condition, if there is one; see `guided`.

    Example:
        >>> import ilk
        >>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
        >>> p = model(torch.randint(2, (3, 1, 4, 4)))
        >>> x = p.sample((5,))
        >>> x.shape, p.log_prob(x).shape, p.log_prob_per_dim(x).shape
        (torch.Size([5, 1, 4, 4]), torch.Size([5]), torch.Size([5, 1, 4, 4]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = False

    def __init__(
        self,
        net: Conditional,
        likelihood: Likelihood,
        shape: Sequence[int],
        context: Context | None = None,
        batch_shape: Sequence[int] = (),
        free: Callable[[], Context] | None = None,
    ) -> None:
        self.net, self.likelihood, self.free = net, likelihood, free
        self.context = Context() if context is None else context
        super().__init__(torch.Size(batch_shape), torch.Size(shape), validate_args=False)

    def __repr__(self) -> str:
        shapes = f"batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)}"
        return f"{type(self).__name__}({self.likelihood}, {shapes})"

    @property
    def levels(self) -> int:
        """Number of values of a pixel."""
        return self.likelihood.levels

    @property
    def support(self) -> constraints.Constraint:
        """The constraint on values. (The support *set* is an argument of models.)"""
        return constraints.independent(constraints.integer_interval(0, self.levels - 1), 3)

    @property
    def dtype(self) -> torch.dtype:
        """Of samples: uint8 where the levels allow it."""
        return torch.uint8 if self.levels <= 256 else torch.int64

    def guided(self, weight: float = 0.5) -> Autoregressive:
        r"""The distribution guided by its condition: nearer to the examples, the more the weight.

        .. math::
            p_w(x_t \mid x_{<t}, s) \propto p(x_t \mid x_{<t}, s)
            \left( \frac{p(x_t \mid x_{<t}, s)}{p(x_t \mid x_{<t})} \right)^w

        It is exact: `sample`, `log_prob`, `complete` and `encode` all hold for it. A step takes
        twice as many images.

        Arguments:
            weight: w; 0 is the distribution itself, -1 the one without a condition.

        Raises:
            ValueError: If the weight is not finite or below -1, or there is no condition that
                might be left out: with labels, without any, or guided already.

        Example:
            >>> import ilk
            >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
            >>> p = model(torch.ones(2, 1, 4, 4, dtype=torch.uint8)).guided(0.5)
            >>> x = p.sample((3,))
            >>> torch.equal(p.decode(p.encode(x)), x)
            True
        """
        if not (math.isfinite(weight) and weight >= -1):
            raise ValueError(f"weight must be finite and at least -1, got {weight}")
        if weight == 0:
            return self
        free = self._unconditional().context.spread(self.context.batch)
        context = Context.cat([self.context, free])
        net, likelihood = SideBySide(self.net), Guided(self.likelihood, weight)
        return Autoregressive(net, likelihood, self.event_shape, context, self.batch_shape)

    def gain(self, x: Tensor) -> Tensor:
        r"""Nats that the examples gain on images, :math:`\log p(x \mid s) - \log p(x)`.

        Arguments:
            x: Images `(*sample, *batch, C, H, W)`; the result is `(*sample, *batch)`.

        Raises:
            ValueError: If there are no examples, or `x` is no image of this distribution.
        """
        return self.log_prob(x) - self._unconditional().log_prob(self.checked(x))

    def _unconditional(self) -> Autoregressive:
        if self.free is None:
            raise ValueError(
                f"{type(self.net).__name__} has no support set here that could be left out"
            )
        return Autoregressive(self.net, self.likelihood, self.event_shape, self.free())

    def parameters(self, x: Tensor) -> Tensor:
        """Parameters `(*sample, *batch, P, H, W)` of every pixel given those before it.

        Raises:
            ValueError: If `x` is no integer image of this distribution.
        """
        x = self.checked(x)
        return self.lay_out(self.net(self.flatten(x), self.context), x)

    def log_prob_per_dim(self, x: Tensor) -> Tensor:
        r"""Log-probability of every value, :math:`\log p(x_{t,c} \mid x_{<t}, x_{t,<c})`, in nats.

        It has the shape of `x`; its negative is the map of surprise.

        Raises:
            ValueError: If `x` is no integer image of this distribution.
        """
        x = self.checked(x)
        flat = self.flatten(x)
        return self.lay_out(self.likelihood.log_prob(self.net(flat, self.context), flat), x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of images `(*sample, *batch, C, H, W)`, in nats: `(*sample, *batch)`.

        Without gradients many images are scored some at a time, which takes no more memory the
        more they are, and is quicker on a CPU.

        Raises:
            ValueError: If `x` is no integer image of this distribution.
        """
        x = self.checked(x)
        samples = x.dim() - 3 - len(self.batch_shape)
        if torch.is_grad_enabled() or samples < 1:
            return self.log_prob_per_dim(x).sum(dim=(-3, -2, -1))
        most = _TOGETHER.get(self.device.type, _ELSEWHERE)
        some = max(1, most // max(1, self.batch_shape.numel()))
        parts = x.flatten(0, samples - 1).split(some)
        each = [self.log_prob_per_dim(part).sum(dim=(-3, -2, -1)) for part in parts]
        return torch.cat(each).unflatten(0, x.shape[:samples])

    def sample(
        self,
        sample_shape: Sequence[int] = (),
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        r"""Draws images `(*sample, *batch, C, H, W)`, pixel by pixel through `step`.

        On a processor one thread draws them, if they are too few for several to gain anything:
        threads that wait for one another at every product are slow beside other work.

        Arguments:
            sample_shape: Shape of the draws.
            generator: Source of randomness.
            temperature: T draws every value from :math:`p^{1/T}`, normalised; only T = 1 gives
                exact draws, 0 takes each value's mode given those before it.

        Raises:
            ValueError: If the temperature is negative or not finite.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        x = torch.zeros(shape, dtype=self.dtype, device=self.device)
        return self._draw(x, None, generator, temperature).clone()

    def complete(
        self,
        x: Tensor,
        known: Tensor,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        r"""Draws the unknown pixels of `x` in raster order, each given all pixels before it.

        Where the unknown pixels end the image, this is an exact draw from
        :math:`p(x_\text{unknown} \mid x_\text{known})`. Where known pixels follow unknown ones it
        is not: a pixel is drawn without using what is known after it.

        Arguments:
            x: Images `(*sample, *batch, C, H, W)`; what they hold at unknown pixels is ignored.
            known: Boolean, broadcast to `x`: true where a pixel is kept. Expand `x` for several
                completions of one image.
            generator, temperature: As in `sample`.

        Raises:
            ValueError: If `x` is no image of this distribution, or `known` is not boolean, does
                not broadcast to it or tells channels of a pixel apart.
        """
        if known.dtype != torch.bool:
            raise ValueError(f"known must be a boolean mask, got {known.dtype}")
        known = known.to(x.device)
        try:
            x = self.checked(torch.where(known, x, 0))
            known = known.broadcast_to(x.shape)
        except RuntimeError:
            wanted, got = tuple(x.shape), tuple(known.shape)
            raise ValueError(f"known must broadcast to x, {wanted}; got shape {got}") from None
        if (known.any(dim=-3) != known.all(dim=-3)).any():
            raise ValueError("known must be the same for all channels of a pixel")
        return self._draw(x.to(self.dtype), known, generator, temperature).clone()

    def trace(
        self,
        x: Tensor,
        known: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Draws as `complete` does, and gives the pixels as they come, in raster order.

        Each comes as `(N, C)`, with the parameters `(N, P)` that it was drawn from, those of one
        condition next to one another. What `x` holds counts where `known` is true; without
        `known` only its shape does, and the pixels are those of `sample`.

        Arguments:
            x: Images `(*sample, *batch, C, H, W)`.
            known: Boolean, shaped as `x`.
            generator, temperature: As in `sample`.

        Raises:
            ValueError: If the temperature is negative or not finite.

        Example:
            >>> import ilk
            >>> p = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)()
            >>> for pixel, parameters in p.trace(torch.zeros(5, 1, 4, 4, dtype=torch.uint8)):
            ...     pass
            >>> pixel.shape, parameters.shape
            (torch.Size([5, 1]), torch.Size([5, 1]))
        """
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"temperature must be finite and at least 0, got {temperature}")
        flat = self.flatten(x).movedim(1, -1).long()
        kept = None if known is None else self.flatten(known.long()).movedim(1, -1).bool()
        # One number for every value of every image, in a fixed order: what a seed draws depends
        # neither on which face computes the parameters nor on which pixels are known.
        dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
        device = device_of(generator)
        uniform = torch.rand(flat.shape, generator=generator, device=device, dtype=dtype)
        drawn = [row.unbind(1) for row in uniform.to(flat.device).unbind(1)]

        def write(i: int, j: int, parameters: Tensor) -> Tensor:
            pixel = self.likelihood.sample(parameters, drawn[i][j], temperature)
            return pixel if kept is None else torch.where(kept[:, i, j], flat[:, i, j], pixel)

        return self.walk(len(flat), write)

    def conditional_mean(self, x: Tensor) -> Tensor:
        r"""Means of all values given those before, :math:`E[x_{t,c} \mid x_{<t}, x_{t,<c}]`.

        The mean and the mode of whole images have no closed form; `sample(temperature=0)` takes
        the mode of every value in turn.
        """
        x = self.checked(x)
        flat = self.flatten(x)
        parameters = self.net(flat, self.context).movedim(1, -1)
        values = torch.arange(self.levels, device=flat.device)
        channels = flat.movedim(1, -1)
        means = [
            (self.likelihood.log_pmf(parameters, channels[..., :c]).exp() * values).sum(-1)
            for c in range(flat.shape[1])
        ]
        return self.lay_out(torch.stack(means, dim=1), x)

    def encode(self, x: Tensor) -> bytes:
        r"""Images `(*sample, *batch, C, H, W)` without loss, in :math:`-\log_2 p(x)` bits.

        A header of 21 bytes and 1 or more for each dimension of the sample shape comes with it, at
        most 8 bytes to end with, and for every value :math:`L / 2^{24}` of its probability, L the
        levels. All images are one batch: many at once are quicker, and share the header. It takes
        as long as sampling them.

        Source: range coding, Martin, 1979; masses in 24 bits, `Likelihood.masses`.

        Raises:
            ValueError: If `x` is no integer image of this distribution.

        Example:
            >>> import ilk
            >>> p = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)()
            >>> x = p.sample((100,))
            >>> torch.equal(p.decode(p.encode(x)), x)
            True
        """
        from ..coding import Turns, blob

        x = self.checked(x)
        each = self._extended_shape()
        sample = x.shape[: x.dim() - len(each)]
        flat = x.to(self.device).reshape(sample.numel(), *each)
        return blob.encode(Turns.one(self, len(flat)), flat, sample)

    def decode(self, data: bytes, elsewhere: bool = False) -> Tensor:
        """The images that `encode` was given, to the last bit.

        It needs exactly the probabilities of the encoder: the same model, condition, processor and
        libraries. It uses as many threads as the encoder did.

        Arguments:
            data: What `encode` returned.
            elsewhere: Try on another platform too; images that come out changed are refused.

        Raises:
            CodingError: If it is damaged, or something of the above differs; it says what. (It is
                a ValueError.)
        """
        from ..coding import Turns, blob

        code = blob.parse(data)
        turns = Turns.one(self, math.prod(code.sample_shape))
        x = blob.decode(turns, code, self.device, elsewhere)
        return x.reshape(*code.sample_shape, *self._extended_shape()).clone()

    # What is made in this mode can be neither changed nor learned from; its copies can be.
    @torch.inference_mode()
    def walk(
        self,
        count: int,
        write: Callable[[int, int, Tensor], Tensor],
        shared: int | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Writes N images pixel by pixel through `step`; gives each with its parameters.

        Sampling, completing and coding are this walk; `gather` makes images of it. The images of
        one condition are next to one another.

        Arguments:
            count: Number of images N, a multiple of the number of conditions.
            write: Makes the pixel (i, j), integers `(N, C)`, given its parameters `(N, P)`.
            shared: Threads that compute each pixel, by default those of `threads_for`. Between
                pixels torch has as many as before, whatever becomes of the walk.

        Raises:
            FloatingPointError: If the network's parameters are not finite from the first pixel on.
        """
        height, width = self.event_shape[1:]
        shared = self.threads_for(count) if shared is None else shared
        with threads(shared):
            state = self.net.start(count, (height, width), self.context)
        pixel = None
        for t in range(height * width):
            with threads(shared):
                parameters, state = self.net.step(pixel, state)
                if not t and not parameters.isfinite().all():
                    raise FloatingPointError("parameters: the network gave what are no numbers")
                pixel = write(*divmod(t, width), parameters)
            yield pixel, parameters

    def threads_for(self, count: int) -> int:
        """Threads that a walk of N images takes: those of torch, or one where it is too little to
        share (a processor's work; elsewhere those of torch do nothing in it)."""
        weights = sum(w.numel() for w in self.net.parameters())
        few = self.device.type == "cpu" and count * weights < _SHARED
        return 1 if few else torch.get_num_threads()

    @torch.inference_mode()
    def gather(self, walk: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        """The images of a walk, `(N, C, H, W)`."""
        pixels = torch.stack([pixel for pixel, _ in walk], dim=2)
        return pixels.unflatten(2, tuple(self.event_shape[1:])).to(self.dtype)

    @property
    def device(self) -> torch.device:
        """Where the net is, and so the samples."""
        tensors = (*self.net.parameters(), *self.net.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    def checked(self, x: Tensor) -> Tensor:
        """Integer images, one for each condition: what is the same for all is repeated."""
        wanted = (*self.batch_shape, *self.event_shape)
        if not isinstance(x, Tensor):
            raise ValueError(f"x must be a tensor of integers, got {type(x).__name__}")
        if x.dtype.is_floating_point or x.dtype.is_complex or x.dtype == torch.bool:
            raise ValueError(f"x must hold integers 0..{self.levels - 1}, got {x.dtype}")
        try:
            shape = torch.broadcast_shapes(x.shape, wanted)
        except RuntimeError:
            shape = torch.Size()
        if shape[-len(wanted) :] != wanted or x.shape[-3:] != self.event_shape:
            raise ValueError(f"x must have shape (..., {str(wanted)[1:]}; got {tuple(x.shape)}")
        if x.numel() and (int(x.min()) < 0 or int(x.max()) >= self.levels):
            got = f"{int(x.min())}..{int(x.max())}"
            raise ValueError(f"x must hold integers 0..{self.levels - 1}, got {got}")
        return x.expand(shape)

    def flatten(self, x: Tensor) -> Tensor:
        """Images `(N, C, H, W)`, those of one condition next to one another."""
        x = self.checked(x).to(self.device).reshape(-1, *self.batch_shape, *self.event_shape)
        return x.transpose(0, 1).flatten(0, 1) if self.batch_shape else x

    def lay_out(self, y: Tensor, x: Tensor) -> Tensor:
        """The reverse of `flatten`, for what was computed of `x`."""
        if self.batch_shape:
            y = y.unflatten(0, (*self.batch_shape, -1)).transpose(0, 1)
        return y.reshape(*x.shape[:-3], *y.shape[-3:])

    @torch.inference_mode()
    def _draw(
        self,
        x: Tensor,
        known: Tensor | None,
        generator: torch.Generator | None,
        temperature: float,
    ) -> Tensor:
        if not x.numel():
            return x.clone()
        walk = self.trace(x, known, generator, temperature)
        if known is not None:
            # Nothing needs the network after the last pixel that is drawn.
            drawn = self.flatten((~known).long())[:, 0].flatten(1).any(dim=0).nonzero()
            end = int(drawn.max()) + 1 if len(drawn) else 0
            rest = self.flatten(x).long().flatten(2)[..., end:].unbind(2)
            walk = chain(islice(walk, end), zip(rest, rest, strict=True))
        return self.lay_out(self.gather(walk), x)


def device_of(generator: torch.Generator | None) -> torch.device | None:
    """Where a source of randomness draws, which no function of torch finds out by itself."""
    return None if generator is None else generator.device
