import CSpanDSP

/// The sixteen keys (ITU-T Q.23), in the order of their event codes (RFC 4733 §3.2).
public enum TouchTone: UInt8, Sendable, Hashable, CaseIterable {
  case zero, one, two, three, four, five, six, seven, eight, nine, star, pound, a, b, c, d

  private static let characters = Array("0123456789*#ABCD".utf8)

  public init?(_ character: Character) {
    guard let ascii = character.asciiValue else { return nil }
    self.init(ascii: ascii)
  }

  init?(ascii: UInt8) {
    let upper = (0x61...0x64).contains(ascii) ? ascii - 0x20 : ascii
    guard let index = TouchTone.characters.firstIndex(of: upper) else { return nil }
    self.init(rawValue: UInt8(index))
  }

  public var character: Character { Character(Unicode.Scalar(TouchTone.characters[Int(rawValue)])) }

  /// Hertz of the row's tone and of the column's.
  public var frequencies: (low: Float, high: Float) {
    let (row, column): (Int, Int) =
      switch self {
      case .one: (0, 0)
      case .two: (0, 1)
      case .three: (0, 2)
      case .a: (0, 3)
      case .four: (1, 0)
      case .five: (1, 1)
      case .six: (1, 2)
      case .b: (1, 3)
      case .seven: (2, 0)
      case .eight: (2, 1)
      case .nine: (2, 2)
      case .c: (2, 3)
      case .star: (3, 0)
      case .zero: (3, 1)
      case .pound: (3, 2)
      case .d: (3, 3)
      }
    return ([697, 770, 852, 941][row], [1_209, 1_336, 1_477, 1_633][column])
  }
}

/// Hears keys in audio at 8 kHz. Owned by one thread.
public struct DTMFDetector: ~Copyable {
  private let state: OpaquePointer

  public static let sampleRate = 8_000
  /// Digits kept until they are asked for; more at once are lost.
  public static let capacity = 128

  /// Nil when there is no memory.
  public init?() {
    guard let state = dtmf_rx_init(nil, nil, nil) else { return nil }
    self.state = state
  }

  deinit { dtmf_rx_free(state) }

  public mutating func process(_ samples: UnsafeBufferPointer<Int16>) {
    guard let base = samples.baseAddress else { return }
    dtmf_rx(state, base, Int32(clamping: samples.count))
  }

  /// Goes over lost audio: a digit that sounds goes on.
  public mutating func skip(_ count: Int) { dtmf_rx_fillin(state, Int32(clamping: count)) }

  /// The next digit heard, each press once.
  public mutating func next() -> TouchTone? {
    var character: CChar = 0
    while dtmf_rx_get(state, &character, 1) > 0 {
      if let digit = TouchTone(ascii: UInt8(bitPattern: character)) { return digit }
    }
    return nil
  }
}
