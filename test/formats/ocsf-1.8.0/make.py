"""Prints the JSON Schemas of the OCSF 1.8.0 classes named as arguments, with the profile security_control, as one JSON object by class uid."""
import json
import sys

from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
print(json.dumps({uid: schema.get_class_schema(schema.lookup_class_name_from_uid(int(uid)), ["security_control"]) for uid in sys.argv[1:]}))
