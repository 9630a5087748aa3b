/// What an Opus packet tells without being decoded (RFC 6716 §3, §4.2.3).
public struct OpusPacket: Sendable, Hashable {
  public enum Mode: Sendable, Hashable { case silk, hybrid, celt }

  public let mode: Mode
  public let isStereo: Bool
  public let frameCount: Int
  /// Of one frame, in units of 1/48000 s.
  public let frameDuration: Int
  /// Whether the encoder heard speech; nil where the mode does not tell (CELT), or nothing was sent.
  public let hasVoice: Bool?
  /// Whether a copy of the packet before is inside (LBRR, RFC 6716 §4.2.5).
  public let hasRedundancy: Bool
  /// Whether no frame holds more than a byte: the encoder says that there is silence (discontinuous
  /// transmission).
  public let isSilence: Bool

  /// Of one frame (RFC 6716 §3.4, R2).
  public static let maximumFrameBytes = 1_275
  /// RTP timestamp units a second (RFC 7587 §4.1).
  public static let clockRate = 48_000

  /// In units of 1/48000 s.
  public var duration: Int { frameCount * frameDuration }

  /// Reads table of contents, frame lengths and the SILK header bits. Nil for a packet that breaks a rule of
  /// RFC 6716 §3.4.
  public init?(_ packet: UnsafeRawBufferPointer) {
    guard let toc = packet.first else { return nil }
    let configuration = Int(toc >> 3)
    switch configuration {
    case 0..<12:
      mode = .silk
      frameDuration = [480, 960, 1_920, 2_880][configuration & 3]
    case 12..<16:
      mode = .hybrid
      frameDuration = configuration & 1 == 0 ? 480 : 960
    default:
      mode = .celt
      frameDuration = 120 << (configuration & 3)
    }
    isStereo = toc & 4 != 0

    var reader = FrameReader(packet)
    guard reader.readHeader(code: toc & 3), reader.frameCount * frameDuration <= 5_760 else { return nil }
    frameCount = reader.frameCount

    // The SILK layer begins with a voice flag for each 20 ms and the redundancy flag, at even odds: plain
    // bits.
    let silkFrames = mode == .celt ? 0 : max(1, frameDuration / 960)
    var hasVoice = false
    var hasRedundancy = false
    var isSilence = true
    for frame in 0..<frameCount {
      guard let range = reader.nextFrame() else { return nil }
      if range.count > 1 {
        isSilence = false
        let first = packet[range.lowerBound]
        if silkFrames > 0 {
          if first >> UInt8(8 - silkFrames) != 0 { hasVoice = true }
          if frame == 0, first >> UInt8(7 - silkFrames) & 1 != 0 { hasRedundancy = true }
        }
      }
    }
    self.isSilence = isSilence
    self.hasVoice = isSilence ? false : silkFrames > 0 ? hasVoice : nil
    self.hasRedundancy = hasRedundancy
  }
}

/// Walks the frames of a packet (RFC 6716 §3.2).
private struct FrameReader {
  private let packet: UnsafeRawBufferPointer
  private var offset = 1
  /// Behind the last frame: the packet's end without padding.
  private var end: Int
  private(set) var frameCount = 1
  /// Bytes of every frame; nil when lengths are written one by one.
  private var commonLength: Int?
  /// Where the written lengths begin.
  private var lengthOffset = 1
  private var framesRead = 0

  init(_ packet: UnsafeRawBufferPointer) {
    self.packet = packet
    end = packet.count
  }

  mutating func readHeader(code: UInt8) -> Bool {
    switch code {
    case 0:
      commonLength = end - 1
    case 1:
      guard (end - 1) % 2 == 0 else { return false }
      frameCount = 2
      commonLength = (end - 1) / 2
    case 2:
      frameCount = 2
      guard skipLengths(1) else { return false }
    default:
      guard end > 1 else { return false }
      let header = packet[1]
      frameCount = Int(header & 0x3f)
      guard frameCount > 0, frameCount <= 48 else { return false }
      offset = 2
      if header & 0x40 != 0, !skipPadding() { return false }
      if header & 0x80 != 0 {
        guard skipLengths(frameCount - 1) else { return false }
      } else {
        guard (end - offset) % frameCount == 0 else { return false }
        commonLength = (end - offset) / frameCount
      }
    }
    return (commonLength ?? 0) <= OpusPacket.maximumFrameBytes
  }

  private mutating func skipPadding() -> Bool {
    while true {
      guard offset < end else { return false }
      let byte = Int(packet[offset])
      offset += 1
      end -= byte == 255 ? 254 : byte
      guard end >= offset else { return false }
      if byte != 255 { return true }
    }
  }

  /// The frames follow behind all lengths, so these are read twice: here to find the first frame.
  private mutating func skipLengths(_ count: Int) -> Bool {
    lengthOffset = offset
    var total = 0
    for _ in 0..<count {
      guard let length = readLength(&offset) else { return false }
      total += length
    }
    return total <= end - offset && end - offset - total <= OpusPacket.maximumFrameBytes
  }

  private func readLength(_ offset: inout Int) -> Int? {
    guard offset < end else { return nil }
    let first = Int(packet[offset])
    offset += 1
    guard first >= 252 else { return first }
    guard offset < end else { return nil }
    defer { offset += 1 }
    return first + 4 * Int(packet[offset])
  }

  mutating func nextFrame() -> Range<Int>? {
    framesRead += 1
    var length = commonLength ?? end - offset
    if commonLength == nil, framesRead < frameCount {
      guard let written = readLength(&lengthOffset) else { return nil }
      length = written
    }
    guard length >= 0, offset + length <= end else { return nil }
    defer { offset += length }
    return offset..<offset + length
  }
}
