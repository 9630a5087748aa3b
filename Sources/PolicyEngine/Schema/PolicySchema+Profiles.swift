extension PolicySchema {
  static let policyProfile = ObjectSchema(
    "policy_profiles[]",
    "A policy server (HTTP, GET, the interface of the reference system), and what it is asked. What it is not asked, Tandem decides by itself.",
    [
      .init("name", name, required: true, "Locations refer to it."),
      description,
      .init(
        "url", .serverURL, required: true,
        "Base of its addresses; `/policy/v1/…` is put behind it. No user name, no query.",
        example: "https://policy.example.org/tandem"),
      .init(
        "username", .text(maximumLength: 100), default: "no authentication",
        "HTTP Basic. Without a colon in it."),
      .init("password", .secret, "By reference: `{env: NAME}` or `{file: path}`."),
      .init("hooks", .object(policyHooks), required: true, "The questions it is asked."),
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
