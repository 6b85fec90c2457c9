"""What is seen of a layer, in sentences."""

from cae_tui.bridge.looking import InsideView, LayerView
from engine.text import class_name, counted, percent, shortened

LONGEST_NAME = 16


def about_words(view: InsideView, name: str, true: int | None) -> str:
    """Which image it is, by its `name` where it has one, and what is answered on it."""

    def called(label: int) -> str:
        return shortened(class_name(view.class_names, label), LONGEST_NAME)

    words = [name or "the picture that was tried"]
    if view.probabilities:
        if true is not None:
            words.append(f"true {called(true)}")
        label = max(range(len(view.probabilities)), key=lambda one: view.probabilities[one])
        words.append(f"predicted {called(label)} {percent(view.probabilities[label], 1)}")
    return "  ".join(words)


def rebuilt_words(view: InsideView, *, colours: bool) -> str:
    """What the pictures of an image and its reconstruction show."""
    if view.reconstruction is None:
        return "The image as the model gets it. No autoencoder is at hand to rebuild it."
    up, down, same = ("orange", "blue", "black") if colours else ("white", "black", "the middle grey")
    of = " (mean of the colours)" if view.picture.channels > 1 else ""
    if view.clean is not None:
        of += " to the noisy image"
    return (
        f"Difference in brightness{of}: {up} is brighter in the reconstruction, {down} darker, {same} the same; the "
        f"strongest is {view.largest:.0f} of 255 grey levels."
    )


def kernel_words(view: InsideView) -> str:
    """What the pictures of kernels show."""
    height, width = view.kernels[0].height, view.kernels[0].width
    what = "what is of that colour" if view.picture.channels > 1 else "what is bright"
    return (
        f"{counted(len(view.kernels), 'kernel')} of {height}×{width} weights, in the order of the first layer's maps: "
        f"white adds {what} there, black takes it away, the middle grey passes over it."
    )


def layer_words(view: InsideView, place: int, found: LayerView) -> str:
    """What is seen of a layer."""
    line = view.layers[place]
    height, width, maps = line.shape
    words = []
    if found.maps:
        order = ", the strongest first" if maps > 1 else ""
        words.append(f"{counted(maps, 'map')} of {height}×{width}{order}; white is where one answers most.")
        if found.field:
            whole = ", or all of it" if found.whole else ""
            words.append(f"A point sees {found.field}×{found.field} pixels of the image{whole} (t: what it looks for).")
        if found.silent:
            words.append(f"{found.silent:,} {'is' if found.silent == 1 else 'are'} silent on this image.")
    elif line.part == "head" and place == len(view.layers) - 1:
        words.append("A number for each class, before they become probabilities: the largest is the answer.")
    else:
        words.append(f"{counted(len(found.strengths), 'unit')} without a place in the image, the strongest first.")
        if silent := sum(not strength for strength in found.strengths):
            words.append(f"{silent:,} {'is' if silent == 1 else 'are'} silent on this image.")
    if line.latent:
        words.append(f"The latent: {counted(height * width * maps, 'number')}.")
    return " ".join(words)


def patch_words(found: LayerView) -> str:
    """What the pieces of training images show."""
    return (
        f"Each map by the four pieces of training images, {found.field}×{found.field} pixels, that it answers to most: "
        "what they have in common is what it looks for. The first maps answer most to this image (t: where)."
    )
