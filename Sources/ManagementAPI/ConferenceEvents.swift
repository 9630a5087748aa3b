import Conferences
import PolicyEngine

/// The events of one conference, one batch after the other, for one who follows it.
public protocol ConferenceEvents: AnyObject, Sendable {
  /// Waits for what comes next, but no longer than ``ServerSentEvents/silence``: an empty batch says that it goes on.
  /// - Returns: nil when the conference is over and all has been told, or the task that waits was cancelled.
  func next() async -> [ConferenceNews]?
  /// Nothing more is asked for.
  func close()
}

/// The format of an event stream (WHATWG HTML §9.2.6).
public enum ServerSentEvents {
  /// Seconds without an event after which a comment shows that the connection is alive.
  public static let silence = 15

  /// One batch. What has a number can be gone on from with `Last-Event-ID`.
  public static func text(_ news: [ConferenceNews]) -> String {
    if news.isEmpty { return ":\n\n" }
    return news.map { one in
      var text = "event: \(one.name)\n"
      if let sequence = one.sequence { text += "id: \(sequence)\n" }
      return text + "data: \(one.data.line)\n\n"
    }.joined()
  }

  /// It ends on purpose; do not come back.
  public static let bye = "event: bye\ndata: null\n\n"
}
