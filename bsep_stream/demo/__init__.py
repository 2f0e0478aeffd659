"""The recording, the model and the rack that are shipped with the package."""
