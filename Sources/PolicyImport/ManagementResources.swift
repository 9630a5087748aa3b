/// The resources whose objects become part of a policy, as the management API describes them, and why others do not.
enum ManagementResources {
  static let carried: [String: ManagementResource] = Dictionary(
    uniqueKeysWithValues: [
      ManagementResource(
        "gateway_routing_rule",
        """
        name! description priority:i[1-200]! enable:b=true tag match_incoming_calls:b=true match_outgoing_calls:b=false \
        match_source_location>system_location match_incoming_only_if_registered:b=false match_incoming_webrtc:b=true \
        match_incoming_sip:b=true match_incoming_mssip:b=true match_incoming_h323:b=true match_incoming_teams:b=false \
        match_string_full:b=false match_string! replace_string \
        called_device_type{external|registration|mssip_conference_id|mssip_server|gms_conference|teams_conference|teams_user|telehealth_profile}=external \
        outgoing_location>system_location outgoing_protocol{sip|h323|mssip|rtmp|gms|teams}=sip sip_proxy>sip_proxy \
        h323_gatekeeper>h323_gatekeeper mssip_proxy>mssip_proxy stun_server>stun_server turn_server>turn_server \
        teams_proxy>teams_proxy gms_access_token>gms_access_token telehealth_profile>telehealth_profile \
        call_type{video|video-only|audio|auto}=video max_callrate_in:i[128-8192] max_callrate_out:i[128-8192] \
        max_pixels_per_second{sd|hd|fullhd} crypto_mode{besteffort|on|off} ivr_theme>ivr_theme \
        live_captions_enabled{default|yes|no}=default denoise_audio:b=true \
        external_participant_avatar_lookup{default|yes|no}=default treat_as_trusted:b=false disabled_codecs:x
        """),
      ManagementResource(
        "conference",
        """
        name! description tag service_type{conference|lecture|two_stage_dialing|test_call|media_playback}=conference \
        aliases>>conference_alias automatic_participants>>automatic_participant call_type{video|video-only|audio}=video \
        crypto_mode{besteffort|on|off} max_callrate_in:i[128-8192] max_callrate_out:i[128-8192] \
        max_pixels_per_second{sd|hd|fullhd} ivr_theme>ivr_theme pin* guest_pin* allow_guests:b=false host_view guest_view \
        breakout_rooms:b=false direct_media{never|best_effort|always}=never direct_media_notification_duration:i[0-30]=0 \
        enable_chat{default|yes|no}=default enable_active_speaker_indication:b=false enable_overlay_text:b=false \
        force_presenter_into_main:b=false guests_can_present:b=true \
        guests_can_see_guests{no_hosts|never|always}=no_hosts live_captions_enabled{default|yes|no}=default \
        mute_all_guests:b=false participant_limit:i[0-1000000] pinning_config primary_owner_email_address \
        denoise_enabled:b=false softmute_enabled:b=false match_string replace_string post_match_string \
        post_replace_string two_stage_dial_type{regular|mssip|gms|teams}=regular system_location>system_location \
        gms_access_token>gms_access_token mssip_proxy>mssip_proxy teams_proxy>teams_proxy \
        media_playlist>media_library_playlist on_completion:x guest_identity_provider_group:x \
        host_identity_provider_group:x non_idp_participants{allow_if_trusted|disallow_all}=disallow_all \
        scheduled_conferences:x scheduled_conferences_count:i=0
        """),
      ManagementResource("conference_alias", "alias! conference>conference description"),
      ManagementResource(
        "automatic_participant",
        """
        alias! conference>>conference call_type{video|video-only|audio}=video description dtmf_sequence \
        keep_conference_alive{keep_conference_alive|keep_conference_alive_if_multiple|keep_conference_alive_never}=keep_conference_alive_if_multiple \
        presentation_url protocol{teams|gms|h323|sip|mssip|rtmp}=sip remote_display_name role{guest|chair}=guest \
        routing{manual|routing_rule}=manual streaming:b=false system_location>system_location
        """),
      ManagementResource(
        "device",
        """
        alias! description tag username password* enable_sip:b=false enable_h323:b=false \
        enable_infinity_connect_non_sso:b=false enable_infinity_connect_sso:b=false enable_standard_sso:b=false \
        sso_identity_provider_group:x primary_owner_email_address
        """),
      ManagementResource(
        "system_location",
        """
        name! description sip_proxy>sip_proxy h323_gatekeeper>h323_gatekeeper mssip_proxy>mssip_proxy \
        stun_server>stun_server turn_server>turn_server teams_proxy>teams_proxy policy_server>policy_server \
        local_mssip_domain bdpm_scan_quarantine_enabled{GLOBAL|OFF|ON}=GLOBAL \
        bdpm_pin_checks_enabled{GLOBAL|OFF|ON}=GLOBAL overflow_location1:x overflow_location2:x transcoding_location:x \
        client_stun_servers:x client_turn_servers:x dns_servers:x ntp_servers:x syslog_servers:x event_sinks:x \
        http_proxy:x live_captions_dial_out_1:x live_captions_dial_out_2:x live_captions_dial_out_3:x media_qos:i=0 \
        signalling_qos:i=0 mtu:i=1500 snmp_network_management_system:x use_relay_candidates_only:b=false
        """),
      ManagementResource(
        "sip_proxy", "name! description address! port:i[1-65535]=5061 transport{tcp|udp|tls}=tls"),
      ManagementResource("h323_gatekeeper", "name! description address! port:i[1-65535]=1719"),
      ManagementResource(
        "mssip_proxy", "name! description address! port:i[1-65535]=5061 transport{tcp|tls}=tls"),
      ManagementResource("stun_server", "name! description address! port:i[1-65535]=3478"),
      ManagementResource(
        "turn_server",
        "name! description address! port:i[1-65535]=3478 transport_type{udp|tcp|tls}=udp server_type{namepsw|coturn_shared}=namepsw username password* secret_key*"
      ),
      ManagementResource(
        "teams_proxy",
        "name! description address! port:i[1-65535]=443 azure_tenant:x eventhub_id:x* min_number_of_instances:i=1 notifications_enabled:b=false notifications_queue:x*"
      ),
      ManagementResource("gms_access_token", "name! token*"),
      ManagementResource(
        "ivr_theme", "name! package:x conference:x gateway_routing_rule:x custom_layouts:x pinning_configs:x"),
      ManagementResource(
        "policy_server",
        """
        name! description url username password* enable_service_lookup:b=false enable_participant_lookup:b=false \
        enable_media_location_lookup:b=false enable_avatar_lookup:b=false enable_directory_lookup:b=false \
        enable_registration_lookup:b=false enable_internal_service_policy:b=false \
        enable_internal_participant_policy:b=false enable_internal_media_location_policy:b=false \
        internal_service_policy_template internal_participant_policy_template internal_media_location_policy_template \
        prefer_local_avatar_configuration:b=false
        """),
      ManagementResource("sip_credential", "realm! username! password*"),
      ManagementResource("media_library_playlist", "name! description loop:x shuffle:x playlist_entries:x"),
      ManagementResource(
        "break_in_allow_list_address",
        "name! description address! prefix:i[0-128]! allowlist_entry_type{user|proxy}=user ignore_incorrect_aliases:b=false ignore_incorrect_pins:b=false"
      ),
      ManagementResource(
        "registration",
        """
        enable:b=true refresh_strategy{adaptive|maximum}=adaptive adaptive_min_refresh:i=60 adaptive_max_refresh:i=3600 \
        maximum_min_refresh:i=60 maximum_max_refresh:i=300 natted_min_refresh:i=60 natted_max_refresh:i=90 \
        route_via_registrar:b=true enable_google_cloud_messaging:b=true enable_push_notifications:b=false push_token*
        """),
      ManagementResource(
        "global",
        """
        crypto_mode{besteffort|on|off}=besteffort max_callrate_in:i[128-8192] max_callrate_out:i[128-8192] \
        max_pixels_per_second{sd|hd|fullhd}=hd enable_sip:b=true enable_sip_udp:b=false enable_h323:b=true \
        enable_webrtc:b=true enable_rtmp:b=true enable_dialout:b=true media_ports_start:i[10000-49999]=40000 \
        media_ports_end:i[10000-49999]=49999 bdpm_scan_quarantine_enabled:b=true \
        bdpm_max_scan_attempts_per_window:i[5-200]=20 bdpm_pin_checks_enabled:b=true \
        bdpm_max_pin_failures_per_window:i[5-200]=20 local_mssip_domain disabled_codecs:x default_theme:x \
        aws_access_key:x* aws_secret_key:x* azure_secret:x* gcp_private_key:x* legacy_api_password:x* pss_token:x* \
        live_captions_public_jwt_key:x*
        """),
    ].map { ($0.name, $0) })

  /// Why a field of an object that is carried over has no place in a policy.
  static let reasons: [String: String] = [
    "disabled_codecs": "codecs are disabled by rule: call.disabled_codecs",
    "default_theme": "rules and services name their theme",
    "scheduled_conferences": "scheduling is not part of a policy",
    "scheduled_conferences_count": "scheduling is not part of a policy",
    "sso_identity_provider_group": "Tandem does not sign devices on by identity providers",
    "enable_infinity_connect_sso": "Tandem does not sign apps on by identity providers",
    "enable_standard_sso": "Tandem does not sign devices on by identity providers",
    "host_identity_provider_group": "Tandem does not sign participants on by identity providers",
    "guest_identity_provider_group": "Tandem does not sign participants on by identity providers",
    "non_idp_participants": "Tandem does not sign participants on by identity providers",
    "overflow_location1": "Tandem is one node: media overflows to no other",
    "overflow_location2": "Tandem is one node: media overflows to no other",
    "transcoding_location": "Tandem is one node", "client_stun_servers": "apps are not served yet",
    "client_turn_servers": "apps are not served yet",
    "dns_servers": "name servers are those of the system, or globals.dns_servers",
    "ntp_servers": "the clock is the operating system's", "syslog_servers": "logs go to standard output",
    "event_sinks": "events are not sent yet", "http_proxy": "named in a policy profile where it is needed",
    "mtu": "the network interface's", "snmp_network_management_system": "Tandem does not speak SNMP",
    "bdpm_pin_checks_enabled":
      "PIN checks are switched for the whole deployment: globals.break_in_protection.pin_checks",
    "media_qos": "marking is set for the whole deployment: globals.media.audio_dscp and video_dscp",
    "signalling_qos": "signalling is not marked",
    "package": "the theme's files are not part of the export",
    "azure_tenant": "Tandem's connector has no tenant of its own",
    "route_via_registrar": "a registered device is always called over its registration's flow",
    "enable_google_cloud_messaging": "push messages are not sent",
    "enable_push_notifications": "push messages are not sent", "push_token": "push messages are not sent",
  ]

  /// Why no object of a resource is carried over.
  static let leftOut: [String: String] = [
    "worker_vm":
      "a node's addresses are the listeners and media addresses of globals: write them into 10-globals.yaml",
    "telehealth_profile":
      "Tandem's telehealth profiles have an address and a token that this export does not name",
    "http_proxy": "named in a policy profile where it is needed",
    "tls_certificate": "certificates are files that listeners name (certificate_file, key_file)",
    "ca_certificate": "certificates are files that trunks and profiles name (certificate_authority_file)",
    "identity_provider": "Tandem does not sign anybody on by identity providers",
    "identity_provider_group": "Tandem does not sign anybody on by identity providers",
    "event_sink": "events are not sent yet",
    "dns_server": "name servers are those of the system, or globals.dns_servers",
    "ntp_server": "the clock is the operating system's", "syslog_server": "logs go to standard output",
    "end_user": "the directory is not part of a policy",
    "user_group": "the directory is not part of a policy",
    "ldap_sync_source": "provisioning is not part of a policy",
    "ldap_sync_field": "provisioning is not part of a policy",
    "conference_sync_template": "provisioning is not part of a policy",
    "scheduled_conference": "scheduling is not part of a policy",
    "recurring_conference": "scheduling is not part of a policy",
    "scheduled_alias": "scheduling is not part of a policy",
    "role": "accounts of administrators are not part of a policy",
    "media_library_entry": "media files are not part of the export",
    "media_library_playlist_entry": "media files are not part of the export",
    "licence": "Tandem needs no licence", "management_vm": "Tandem has no management node",
  ]
}
