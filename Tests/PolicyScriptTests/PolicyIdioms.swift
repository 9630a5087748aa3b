import Testing

@testable import PolicyScript

/// Scripts of the kinds that admins have, each with its input and what must come out.
enum PolicyIdioms {
  struct Idiom: Sendable, CustomTestStringConvertible {
    var name: String
    var source: String
    var context: [String: ScriptValue]
    var output: ScriptValue
    var testDescription: String { name }
  }

  static let caller: ScriptValue = [
    "remote_alias": "sip:+441234567@pbx.example.org;transport=tls", "local_alias": "sip:meet.bob@example.com",
    "protocol": "sip", "registered": false, "bandwidth": 0, "remote_port": 5061, "vendor": "friendly-scanner",
    "remote_address": "10.2.7.9", "remote_display_name": "Robert Tables (External) ", "location": "North",
    "call_direction": "dial_in", "trigger": "invite", "ms_subnet": ["10.47.5.0"],
    "p_asserted_identity": ["\"Ann\"<sip:ann@example.org>"], "version_id": "35", "breakout_uuid": nil,
  ]
  static let room: ScriptValue = [
    "service_type": "conference", "name": "Board", "service_tag": "secure-board", "pin": "4411",
    "guest_pin": "7722", "allow_guests": true, "automatic_participants": [],
  ]

  static let all: [Idiom] = [
    Idiom(
      name: "encryption on",
      source: """
        {
          {% if service_config %}
            "action": "continue",
            "result": {{ service_config|pex_update({"crypto_mode": "on"})|pex_to_json }}
          {% else %}
            "action": "reject", "result": {}
          {% endif %}
        }
        """, context: ["call_info": caller, "service_config": ["name": "A", "pin": "12"]],
      output: ["action": "continue", "result": ["name": "A", "pin": "12", "crypto_mode": "on"]]),
    Idiom(
      name: "nothing found is rejected",
      source: """
        {
          {% if service_config %}
            "action": "continue",
            "result": {{ service_config|pex_update({"crypto_mode": "on"})|pex_to_json }}
          {% else %}
            "action": "reject", "result": {}
          {% endif %}
        }
        """, context: ["call_info": caller, "service_config": nil],
      output: ["action": "reject", "result": [:]]),
    Idiom(
      name: "phone callers are anonymous",
      source: """
        {% set user = call_info.remote_alias|lower|pex_regex_replace("^(sips?:|h323:)", "")|pex_regex_replace("@.+", "") %}
        { "action": "continue",
          {% if user|int != 0 %} "result": {"remote_alias": "hidden", "remote_display_name": "Phone caller"}
          {% else %} "result": {} {% endif %} }
        """, context: ["call_info": caller],
      output: [
        "action": "continue", "result": ["remote_alias": "hidden", "remote_display_name": "Phone caller"],
      ]),
    Idiom(
      name: "location by subnet",
      source: """
        {% set nets = {"North": ["10.1.0.0/16"], "South": ["10.2.0.0/16", "2001:db8::/32"]} %}
        { {% if pex_in_subnet(call_info.remote_address, nets["South"]) %}
            "result": {"location": "South", "overflow_locations": ["North"]}
          {% else %} "result": {{ suggested_media_overflow_locations|pex_to_json }} {% endif %} }
        """,
      context: [
        "call_info": caller,
        "suggested_media_overflow_locations": ["location": "North", "primary_overflow_location": nil],
      ], output: ["result": ["location": "South", "overflow_locations": ["North"]]]),
    // The other branches of the two above.
    Idiom(
      name: "callers with a name keep it",
      source: """
        {% set user = call_info.remote_alias|lower|pex_regex_replace("^(sips?:|h323:)", "")|pex_regex_replace("@.+", "") %}
        { "action": "continue",
          {% if user|int != 0 %} "result": {"remote_alias": "hidden", "remote_display_name": "Phone caller"}
          {% else %} "result": {} {% endif %} }
        """, context: ["call_info": ["remote_alias": "sip:Ann@pbx.example.org"]],
      output: ["action": "continue", "result": [:]]),
    Idiom(
      name: "what was suggested is passed through",
      source: """
        {% set nets = {"North": ["10.1.0.0/16"], "South": ["10.2.0.0/16", "2001:db8::/32"]} %}
        { {% if pex_in_subnet(call_info.remote_address, nets["South"]) %}
            "result": {"location": "South", "overflow_locations": ["North"]}
          {% else %} "result": {{ suggested_media_overflow_locations|pex_to_json }} {% endif %} }
        """,
      context: [
        "call_info": ["remote_address": "10.1.7.9"],
        "suggested_media_overflow_locations": [
          "location": "North", "primary_overflow_location": "South", "secondary_overflow_location": nil,
        ],
      ],
      output: [
        "result": [
          "location": "North", "primary_overflow_location": "South", "secondary_overflow_location": nil,
        ]
      ]),
    Idiom(
      name: "scanners are rejected",
      source: """
        {# scanners #}
        {%- set scanners = ["friendly-scanner", "sipcli", "sipvicious"] %}
        { {% if call_info.vendor in scanners or call_info.vendor.startswith(("sipsak", "VaxSIP")) %}
          "action": "reject", "result": {}
        {% elif service_config %} "action": "continue", "result": {{ service_config|pex_to_json }}
        {% else %} "action": "continue", "result": {} {% endif %} }
        """, context: ["call_info": caller, "service_config": room],
      output: ["action": "reject", "result": [:]]),
    Idiom(
      name: "a recorder joins, added to the list",
      source: """
        {% set adps = service_config.automatic_participants %}
        {% if service_config.service_tag.startswith("secure-") %}
          {{ adps.extend([{"remote_alias": "rtmps://rec.example.org/live", "local_alias": call_info.local_alias,
                           "protocol": "rtmp", "role": "guest", "streaming": True}]) or "" }}
        {% endif %}
        {"action": "continue", "result": {{ {"automatic_participants": adps, "locked": true}|pex_to_json }} }
        """, context: ["call_info": caller, "service_config": room],
      output: [
        "action": "continue",
        "result": [
          "automatic_participants": [
            [
              "remote_alias": "rtmps://rec.example.org/live", "local_alias": "sip:meet.bob@example.com",
              "protocol": "rtmp", "role": "guest", "streaming": true,
            ]
          ], "locked": true,
        ],
      ]),
    Idiom(
      name: "no PIN for one location or registered devices",
      source: """
        {%- if call_info.location == "North" and service_config.service_type in ("conference", "lecture")
             or call_info.registered %}
          {"action":"continue","result":{{service_config|pex_update({"pin":"", "guest_pin":"", "allow_guests":false})|pex_to_json}}}
        {%- else %}{"action":"continue","result":{{service_config|pex_to_json}}}{% endif -%}
        """, context: ["call_info": caller, "service_config": ["service_type": "conference", "pin": "1"]],
      output: [
        "action": "continue",
        "result": ["service_type": "conference", "pin": "", "guest_pin": "", "allow_guests": false],
      ]),
    Idiom(
      name: "a display name is trimmed",
      source: """
        {% set name = call_info.remote_display_name|replace("(External)", "")|trim %}
        {% set parts = pex_regex_search("^(\\\\w+) (\\\\w+)$", name) %}
        {% if parts %}{% set name = parts[1] ~ ", " ~ parts[0] %}{% endif %}
        {"action":"continue","result":{"remote_display_name":{{ name|truncate(40)|pex_to_json }},
         "call_tag": "{{ call_info.get("p_asserted_identity", [""])[0]|pex_regex_replace('^.*<(.+)>$', '\\\\1') }}" }}
        """, context: ["call_info": caller],
      output: [
        "action": "continue",
        "result": ["remote_display_name": "Tables, Robert", "call_tag": "sip:ann@example.org"],
      ]),
    Idiom(
      name: "a PIN from a hash",
      source: """
        {% set digits = (service_config.name ~ "2026-11-21")|pex_hash|pex_tail(20) %}
        {% set pin = "%04d"|format(digits|int % 10000) %}
        {"action":"continue","result":{"pin":"{{ pin }}","long":{{ (digits|int > 10**17)|pex_to_json }}}}
        """,
      context: ["call_info": caller, "service_config": ["name": "Board"]],
      output: ["action": "continue", "result": ["pin": "8905", "long": true]]),
    Idiom(
      name: "an unknown alias becomes a breakout room",
      source: """
        {% set found = pex_regex_search("^(?:sips?:)?(?P<room>[^.@]+)[.]([^@]+)@", call_info.local_alias) %}
        {% if not service_config and found and found[1]|length > 2 %}
          {"action":"continue","result":{"service_type":"conference","name":"{{ found[0]|upper }}",
            "service_tag":"{{ found[1] }}","breakout":true,"breakout_uuid":"{{ call_info.breakout_uuid|default("none", true) }}"}}
        {% else %}{"action":"continue","result":{}}{% endif %}
        """, context: ["call_info": caller, "service_config": nil],
      output: [
        "action": "continue",
        "result": [
          "service_type": "conference", "name": "MEET", "service_tag": "bob", "breakout": true,
          "breakout_uuid": "none",
        ],
      ]),
    Idiom(
      name: "layouts and bandwidth by a table, with loops",
      source: """
        {%- set rules = [("North", 2048000, "one_main_seven_pips"), ("South", 512000, "teams")] -%}
        {%- set ns = namespace(changes={}) -%}
        {%- for location, rate, view in rules if location == call_info.location %}
          {%- set ns.changes = {"max_callrate_in": rate, "max_callrate_out": (rate * 0.5)|round|int, "view": view} -%}
        {%- endfor -%}
        {"action": "continue", "result": {{ service_config|pex_update(ns.changes)|pex_to_json }}, "status": "success"}
        """, context: ["call_info": caller, "service_config": ["name": "x"]],
      output: [
        "action": "continue", "status": "success",
        "result": [
          "name": "x", "max_callrate_in": 2_048_000, "max_callrate_out": 1_024_000,
          "view": "one_main_seven_pips",
        ],
      ]),
  ]
}
