from . import gps
