from . import gps, portal, ready
