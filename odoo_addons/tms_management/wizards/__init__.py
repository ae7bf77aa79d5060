from . import tms_pod_wizard, tms_trip_event_wizard, tms_trip_reason_wizard
