# An image as an item of `images` in a request of `push`: the layout, and from what the bytes of
# layers that it lacks are made.
{ program, ... }:
image: {
  image = {
    layout = "${image}";
    # Blobs are links to store paths.
    follow_links = true;
    blobs = image.rulesContainer.supply or [ ];
  };
  # What makes those layers again.
  layer_program = program "layer";
}
