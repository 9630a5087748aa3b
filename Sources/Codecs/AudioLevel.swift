import Glibc

/// How loud audio is, as RTP carries it: 0 dBov is the loudest that the encoding can, 127 stands for digital
/// silence (RFC 6464 §3, RFC 6465).
public struct AudioLevel: Hashable, Sendable, Comparable {
  /// Minus dBov, 0 to 127.
  public let value: UInt8

  /// Values above 127 become 127.
  public init(_ value: UInt8) { self.value = min(value, 127) }

  public static let silence = AudioLevel(127)

  /// Of the samples' root mean square against that of a full-scale square wave (RFC 6464 appendix A).
  public init(of samples: UnsafeBufferPointer<Int16>) {
    self.init(meanSquare: AudioLevel.meanSquare(of: samples))
  }

  /// - Parameter meanSquare: in squared units of 16-bit samples.
  public init(meanSquare: Float) {
    guard meanSquare >= 1 else {
      self = .silence
      return
    }
    let decibels = 10 * log10f(meanSquare / (32_768 * 32_768))
    value = UInt8(min(127, max(0, (-decibels).rounded())))
  }

  public static func meanSquare(of samples: UnsafeBufferPointer<Int16>) -> Float {
    guard !samples.isEmpty else { return 0 }
    var sum: Int64 = 0
    for sample in samples { sum &+= Int64(Int32(sample) &* Int32(sample)) }
    return Float(sum) / Float(samples.count)
  }

  /// dBov: 0 or negative.
  public var decibels: Int { -Int(value) }

  /// Louder is greater.
  public static func < (a: AudioLevel, b: AudioLevel) -> Bool { a.value > b.value }
}

/// The client-to-mixer audio level of one packet (RFC 6464).
public struct AudioLevelExtension: Hashable, Sendable {
  public var level: AudioLevel
  /// Whether the sender believes that it is speech. Means nothing when the sender said `vad=off`.
  public var hasVoice: Bool

  public init(level: AudioLevel, hasVoice: Bool) {
    self.level = level
    self.hasVoice = hasVoice
  }

  /// Looks for the element with the negotiated identifier in the extension of an RTP packet, in either form
  /// of RFC 8285.
  ///
  /// - Parameters:
  ///   - profile: the 16 bits before the extension's length: 0xBEDE, or 0x1000 to 0x100F.
  ///   - elements: what follows the length.
  public init?(identifier: UInt8, profile: UInt16, elements: UnsafeRawBufferPointer) {
    let isShort = profile == 0xbede
    guard identifier != 0, isShort || profile & 0xfff0 == 0x1000 else { return nil }
    var offset = 0
    while offset < elements.count {
      let first = elements[offset]
      // Padding (RFC 8285 §4.2, §4.3).
      if first == 0 {
        offset += 1
        continue
      }
      let found: UInt8
      let length: Int
      if isShort {
        found = first >> 4
        length = Int(first & 15) + 1
        offset += 1
        // 15 ends it all (§4.2).
        if found == 15 { return nil }
      } else {
        guard offset + 1 < elements.count else { return nil }
        found = first
        length = Int(elements[offset + 1])
        offset += 2
      }
      guard offset + length <= elements.count else { return nil }
      if found == identifier {
        guard length == 1 else { return nil }
        level = AudioLevel(elements[offset] & 0x7f)
        hasVoice = elements[offset] & 0x80 != 0
        return
      }
      offset += length
    }
    return nil
  }

  /// The byte that the element holds.
  public var byte: UInt8 { level.value | (hasVoice ? 0x80 : 0) }
}
