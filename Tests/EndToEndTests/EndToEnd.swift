import Testing

/// Everything that needs the machine to itself: one test at a time, so that what is slow is the server and not the rest.
@Suite(.serialized) enum EndToEnd {}

extension Tag {
  /// Needs baresip; some seconds each.
  @Tag static var phones: Self
  /// Needs sipp.
  @Tag static var scripted: Self
}
