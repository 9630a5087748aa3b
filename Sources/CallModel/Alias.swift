/// What was dialled, in the forms that routing needs.
///
/// A rule compares ``parsed`` unless it asks for ``full``; a policy server sees ``local``. Aliases are compared without
/// case and stored as written.
public struct Alias: Hashable, Sendable {
  /// As received, with scheme and parameters.
  public var full: String
  /// Without scheme, port, parameters and IP literal host: `sip:010033@192.0.2.7;transport=tls` is `010033`.
  public var parsed: String
  /// What policy servers see as `local_alias`: scheme kept, parameters and IP literal host not.
  public var local: String
  /// The PIN of `meet.alice**1234@example.org`, taken out of all the other forms.
  public var pin: Secret?

  public init(full: String, parsed: String, local: String, pin: Secret? = nil) {
    self.full = full
    self.parsed = parsed
    self.local = local
    self.pin = pin
  }
}
