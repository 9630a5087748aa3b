extension PolicySchema {
  static let policyProfile = ObjectSchema(
    "policy_profiles[]",
    "A policy server (HTTP, GET, the interface of the reference system) and what it is asked, and local scripts that have the last word. What the server is not asked, Tandem decides by itself.",
    [
      .init("name", name, required: true, "Locations refer to it."),
      description,
      .init(
        "url", .serverURL, default: "no server",
        "Base of its addresses; `/policy/v1/…` is put behind it. No user name, no query.",
        example: "https://policy.example.org/tandem"),
      .init(
        "username", .text(maximumLength: 100), default: "no authentication",
        "HTTP Basic. Without a colon in it."),
      .init("password", .secret, "By reference: `{env: NAME}` or `{file: path}`."),
      .init("hooks", .object(policyHooks), default: "none", "The questions it is asked."),
      .init(
        "scripts", .object(policyScripts), default: "none",
        "Local policy scripts: they see what was decided, here or by the server, and may change it."),
      .init(
        "max_concurrent", .integer(1...1_000), default: "100",
        "Questions put at once. More wait, within their deadline."),
      .init(
        "max_waiting", .integer(0...100_000), default: "1000",
        "Questions that wait. What is more is decided by the hook's fallback at once."),
      .init("verify_certificate", .boolean, default: "true", "Off only for laboratories."),
      .init("certificate_authority_file", .path, default: "the system's", "PEM file of trusted authorities."),
      .init("proxy", .object(policyProxy), default: "none", "An HTTP proxy on the way to the server."),
      .init(
        "prefer_local_avatars", .boolean, default: "false",
        "Ask the user's own picture address first, then the policy server."),
    ])

  static let policyHooks = ObjectSchema(
    "policy_profiles[].hooks", "A key that is there is asked: `service: {}`.",
    [
      .init("service", .object(policyHook), "What a dialled alias is: the service configuration."),
      .init("participant", .object(policyHook), "What a participant may do."),
      .init("media_location", .object(policyHook), "Where a participant's media goes."),
      .init("avatar", .object(policyHook), "Pictures of participants."),
      .init("directory", .object(policyHook), "Searches of registered devices."),
      .init("registration", .object(policyHook), "Whether an alias may register, and as whom."),
    ])

  static let policyHook = ObjectSchema(
    "policy_profiles[].hooks.*", "How a question is put.",
    [
      .init(
        "deadline", .duration(1...5), default: "5s",
        "From the question to the last byte of the answer; connecting and waiting count."),
      .init(
        "fallback",
        .choice([
          .init("continue", "as if the server had never been asked"),
          .init("reject", "the call, participant or registration is refused"),
        ]), default: "continue",
        "What is decided when there is no valid answer. “Not mine” (404, a status that is not success) is one."
      ),
      .init(
        "circuit_breaker", .object(circuitBreaker), default: "none: always asked",
        "Leave a server in peace that fails again and again."),
    ])

  static let policyScripts = ObjectSchema(
    "policy_profiles[].scripts", "One script for each kind of decision. The language: policy-scripts.md.",
    [
      .init(
        "service", .shorthand(policyScript, key: "text"), "Sees and changes what becomes of a dialled alias."),
      .init(
        "participant", .shorthand(policyScript, key: "text"), "Sees and changes what a participant may do."),
      .init(
        "media_location", .shorthand(policyScript, key: "text"),
        "Sees and changes where a participant's media goes."),
    ])

  static let policyScript = ObjectSchema(
    "policy_profiles[].scripts.*",
    "A script, in the file itself (`text`, or in short the text alone) or in one of its own.",
    [
      .init("text", .script, "The script, best as a block (`|`). At most 49,152 characters."),
      .init(
        "file", .scriptFile, "The file it stands in. Read when the policy is loaded.",
        example: "scripts/service.j2"),
      .init(
        "enabled", .boolean, default: "true",
        "A disabled script stays in the list and is not run. What is wrong with it is a warning."),
      .init(
        "fallback",
        .choice([
          .init("continue", "as if there were no script"),
          .init("reject", "the call or participant is refused"),
        ]), default: "continue",
        "What is decided when the script fails, takes too much, or writes something that is wrong."),
    ])

  static let circuitBreaker = ObjectSchema(
    "circuit_breaker",
    "After so many failures in a row (no connection, no answer in time, status 5xx or 429) the server is not asked for a while; then one question is a trial.",
    [
      .init("failures", .integer(1...1_000), default: "5", "In a row."),
      .init("cool_down", .duration(1...3_600), default: "10s", "How long it is left in peace."),
    ])

  static let policyProxy = ObjectSchema(
    "policy_profiles[].proxy", "An HTTP proxy.",
    [
      .init("host", .host, required: true, "Host name or IP address."),
      .init("port", port, required: true, "Its port."),
    ])
}
