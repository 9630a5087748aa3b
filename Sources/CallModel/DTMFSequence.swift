/// Keys that are sent once a called party has answered (`dtmf_sequence`): the first three seconds after the answer, then one
/// each half second; a comma is a pause of two seconds (routing reference §7, conferences reference §5.1).
public struct DTMFSequence: Hashable, Sendable {
  public enum Element: Hashable, Sendable {
    case digit(DTMFDigit)
    case pause
  }

  public let elements: [Element]
  public static let maximumLength = 250
  public static let delay = TimeSpan.seconds(3)
  public static let interval = TimeSpan.milliseconds(500)
  public static let pause = TimeSpan.seconds(2)
  /// How long one key sounds.
  public static let toneDuration = TimeSpan.milliseconds(200)

  /// nil: a character other than `0-9 * # ,`, or more of them than 250.
  public init?(_ text: String) {
    guard text.utf8.count <= DTMFSequence.maximumLength else { return nil }
    var elements: [Element] = []
    for character in text {
      if character == "," {
        elements.append(.pause)
      } else if let digit = DTMFDigit(character), digit.event <= 11 {
        elements.append(.digit(digit))
      } else {
        return nil
      }
    }
    self.elements = elements
  }
}

/// Sends one sequence in its time. Sans-IO: ask at ``nextDeadline`` what is due.
public struct DTMFSequencer: Sendable {
  private var elements: ArraySlice<DTMFSequence.Element>
  /// When the next digit is due; nil: all are sent.
  public private(set) var nextDeadline: MonotonicInstant?

  public init(_ sequence: DTMFSequence, answeredAt now: MonotonicInstant) {
    elements = sequence.elements[...]
    nextDeadline = elements.isEmpty ? nil : now + DTMFSequence.delay
    skipPauses()
  }

  /// The digits that are due, in order; more than one only when the clock was late.
  public mutating func advance(to now: MonotonicInstant) -> [DTMFDigit] {
    var due: [DTMFDigit] = []
    while let deadline = nextDeadline, deadline <= now, case .digit(let digit)? = elements.popFirst() {
      due.append(digit)
      nextDeadline = elements.isEmpty ? nil : deadline + DTMFSequence.interval
      skipPauses()
    }
    return due
  }

  /// A comma takes its two seconds from when its turn came; nothing waits for commas at the end.
  private mutating func skipPauses() {
    guard var deadline = nextDeadline else { return }
    while case .pause? = elements.first {
      elements.removeFirst()
      deadline = deadline + DTMFSequence.pause
    }
    nextDeadline = elements.isEmpty ? nil : deadline
  }
}
