# Layers as values: how each is had with its bytes, and how without.
#
#   count    how many there are, as far as that is known before they are made
#   counted  receipts that tell of the others, by `fat` and `thin`
#   fat      items of `layers` in a request of `assemble`, with the layers' bytes
#   thin     the same by receipts alone: nothing keeps the bytes
#   supply   items of `blobs` in a request of `push`: from what it makes the bytes of thin ones again
#   roots    the store paths whose closure is in these layers
{ run, optionalAttrs, ... }:
{
  # One layer, of a request of `layer`.
  single = { name, request, roots ? [ ] }:
    let
      fat = run {
        program = "layer";
        inherit name request;
        outputs = [ "out" "receipt" ];
      };
      thin = run {
        program = "layer";
        name = "${name}-receipt";
        inherit request;
        outputs = [ "receipt" "request" ];
        # Whoever makes the layer again needs what the request names.
        references = [ "request" ];
      };
    in
    {
      type = "rules_container_layers";
      count = 1;
      counted = { fat = [ ]; thin = [ ]; };
      inherit roots;
      fat = [ { receipt = fat.receipt; blob = fat.out; } ];
      thin = [ { receipt = thin.receipt; } ];
      supply = [ { receipt = thin.receipt; request = thin.request; } ];
      # For those who want to look at it.
      blob = fat.out;
      receipt = fat.receipt;
    };

  # Several layers, planned and packed by one run: a request of the kind `layers`.
  several = { name, request, below, attributes, roots ? [ ] }:
    let
      make = what: outputs: references: run {
        program = "layer";
        name = if what == "blobs" then name else "${name}-${what}";
        request = request // {
          make = what;
          planning = request.planning // {
            # Bytes with bytes, so that nothing is packed only to be counted.
            below = below.${if what == "blobs" then "fat" else "thin"};
          };
        };
        inherit outputs references attributes;
      };
      fat = make "blobs" [ "out" ] [ ];
      thin = make "receipts" [ "out" "requests" ] [ "requests" ];
    in
    {
      type = "rules_container_layers";
      count = 0;
      counted = { fat = [ "${fat.out}/layers.json" ]; thin = [ "${thin.out}/layers.json" ]; };
      inherit roots;
      fat = [ { planned = fat.out; } ];
      thin = [ { planned = thin.out; } ];
      supply = [ { planned = thin.out; requests = thin.requests; } ];
      # A folder with `plan.json`, to be checked in, and `explanation.json`.
      plan = (make "plan" [ "out" ] [ ]).out;
    };
}
