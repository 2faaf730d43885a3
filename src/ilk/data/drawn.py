"""Whether a picture is a drawing at all: ink on paper, or light on dark, and little between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilk.data.drawing import NoInkError, contrast, grey, shrunk

if TYPE_CHECKING:
    from PIL import Image as PILImage

__all__ = ["is_drawing"]

LEAST = 0.8


def is_drawing(image: PILImage.Image) -> bool:
    r"""Whether two values, ink and paper, say most of what there is to see.

    With a share w of ink, and :math:`\mu_1, \mu_0` the means of ink and paper, the share of the
    variance that lies between the two,

    .. math:: \eta = w (1 - w) (\mu_1 - \mu_0)^2 / \sigma^2

    is at least 0.8. (Otsu, *A threshold selection method from gray-level histograms*, 1979.) Of
    Omniglot's drawings blurred and with noise, and of MNIST's digits, all are above; of
    photographs of groceries one in twenty is, of CIFAR-10's a quarter. A blank page is a drawing.

    Example:
        >>> from PIL import Image
        >>> page = Image.new("L", (60, 60), 255)
        >>> page.paste(0, (10, 10, 14, 50))
        >>> is_drawing(page), is_drawing(Image.effect_noise((60, 60), 50))
        (True, False)
    """
    try:
        dark, threshold, *_ = contrast(shrunk(grey(image)))
    except NoInkError:
        return True
    ink = dark > threshold
    share, values = float(ink.mean()), dark.astype(float)
    between = share * (1 - share) * float(values[ink].mean() - values[~ink].mean()) ** 2
    return between >= LEAST * float(values.var())
