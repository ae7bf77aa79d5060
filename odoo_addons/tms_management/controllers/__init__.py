from . import gps, portal
