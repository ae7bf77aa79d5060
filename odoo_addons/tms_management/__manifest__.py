{
    "name": "Transport Management",
    "summary": "Trips, trucks, drivers, proof of delivery and live tracking",
    "version": "1.0.0",
    "category": "Supply Chain/Transport",
    "author": "TMS founders",
    "license": "LGPL-3",
    "depends": ["mail", "portal", "fleet", "hr", "account"],
    "data": [
        "security/tms_security.xml",
        "security/ir.model.access.csv",
        "data/ir_sequence_data.xml",
    ],
    "demo": [],
    "application": True,
    "installable": True,
}
