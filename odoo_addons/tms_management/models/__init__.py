from . import fleet_vehicle, tms_trip
