# An image as an item of `images` in a request of `push`: the layout, and from what the bytes of
# layers that it lacks are made.
{ program, layoutOf, optionalAttrs, ... }:
image:
let
  isThin = image.rulesContainer.isThin or false;
in
{
  image = {
    # As it is where it is a layout, and else that of the archive.
    layout = "${if (image.rulesContainer.form or "layout") == "layout" then image else layoutOf isThin image}";
    # Blobs are links to store paths.
    follow_links = true;
    # What makes bytes again is brought along only where they are not there.
    blobs = if isThin then image.rulesContainer.supply else [ ];
  };
  # What makes those layers again.
  program = optionalAttrs isThin { layer_program = program "layer"; };
}
