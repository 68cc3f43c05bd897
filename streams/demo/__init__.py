"""`tieout demo`: the source document's scenario, played through the real API on the embedded broker."""
