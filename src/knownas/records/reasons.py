"""Every reason code there is, with the sentence that explains it. Outsiders match on the codes: add, never rename.

`REJECTIONS` are why a whole record is not counted (header `reason` on the `rejected` topic); `REFUSALS` are why a
part of a counted record does not apply (`reason` of a ledger row of kind `refused`).
"""

from typing import Final

REJECTIONS: Final = {
    "empty": "The record has no value.",
    "too_large": "The record is larger than 64 KiB.",
    "not_json": "The record is not valid JSON in UTF-8.",
    "not_object": "The record is JSON, but not an object.",
    "too_deep": "The record is nested deeper than 32 levels.",
    "bad_field": "A field has the wrong type.",
    "number_out_of_range": "A number does not fit into 64 bits.",
    "unknown_type": "The field `type` is missing or names no known type of record.",
    "unsupported_type": "An earlier version did not act on records of this type; sent again, it counts.",
    "missing_device": "A record of this type needs a device.",
    "bad_device": "The device is empty, longer than 128 characters, or a placeholder like `null`.",
    "bad_ts": "The field `ts` is negative.",
    "future_ts": "The field `ts` is more than 24 hours ahead, or in milliseconds.",
    "bad_event_name": "The field `evtName` is missing, empty or longer than 512 bytes.",
    "too_many_keys": "`evtData` or `profileData` has more than 256 keys.",
    "bad_identity": "An identity is neither a string nor a number.",
    "no_identity": "The record has no device, and no identity that can be used.",
    "conflicting_address": "A record that names a profile names neither a device nor identities.",
    "nobody_logs_out": "A logout came from a device that speaks for nobody.",
    "unknown_profile": "The named profile does not exist.",
    "nobody_owns": "No profile has any of the identities, or the device speaks for nobody.",
    "different_owners": "The identities belong to different profiles.",
    "not_identified": "A profile that owns no identity cannot be demerged.",
    "not_held": "The profile has none of the identities that are to be released.",
    "duplicate": "A record with the same `id` was counted within the last 7 days.",
    "suppressed": "The record carries an identity that is suppressed.",
    "deleted": "The record belongs to a profile that is deleted.",
}

REFUSALS: Final = {
    "junk": "The value is a placeholder, not an identity.",
    "too_long": "The value or the key is longer than allowed.",
    "bad_phone": "The phone number is not a possible number; it needs its country code.",
    "owned_by_another": "The identity belongs to another profile and stays with it.",
    "bad_value": "A property is a string, a number, a boolean, a list of these, null or one operator.",
    "bad_birthday": "A birthday is YYYY-MM-DD, MM-DD-YYYY or $D_<seconds since 1970>, on a day that was.",
    "system_property": "The property is computed by the system and cannot be set.",
    "too_many_items": "The list has more than 100 items.",
    "too_many_properties": "The profile has 256 custom properties already.",
    "too_many_event_names": "The profile has 512 event names already.",
    "number_out_of_range": "The sum does not fit into 64 bits.",
    "not_a_number": "The property is not a number, so it cannot be counted up or down.",
}
