"""World: the kinds of remotes: one row is one kind, with the options of its URL."""

MODES = ("ro", "rw", "wo")
ENVIRONMENT = "env:"
# Options that every remote has. Their values are never secrets.
COMMON = ("mode", "credential", "backfill")
_OBJECTS = "pip install 'neffcache[objects]'"
# scheme -> module:Class, what to do when the module cannot be imported, further options.
SCHEMES: "dict[str, tuple[str, str, tuple[str, ...]]]" = {
    "file": ("neffcache.remotes.file:FileRemote", "", ()),
    "hf": (
        "neffcache.remotes.hub:HubRemote",
        "reinstall neffcache: it brings huggingface_hub",
        ("layout", "endpoint"),
    ),
    "s3": (
        "neffcache.remotes.objects:ObjectRemote",
        _OBJECTS,
        ("endpoint", "region", "ca", "public", "anonymous"),
    ),
    "az": (
        "neffcache.remotes.objects:ObjectRemote",
        _OBJECTS,
        ("endpoint", "ca", "public", "anonymous"),
    ),
    "gs": (
        "neffcache.remotes.objects:ObjectRemote",
        _OBJECTS,
        ("endpoint", "ca", "public", "anonymous"),
    ),
    "oci": ("neffcache.remotes.oci:OciRemote", "", ("mirror", "ca", "plain", "mount")),
}
LAYOUTS = ("bundle", "native", "both")
