import Codecs

/// Makes an Ogg Opus file out of what a listener of a ``MixRoom`` is sent.
///
/// A recording is a listener like others: it shares the encoding of those who listen, and costs no encoder of
/// its own. Time in which nothing was sent is filled with silence, so that the file is as long as the
/// conference was.
public struct MixRecorder {
  private var writer: OggOpusWriter
  private var nextTimestamp: UInt32?

  /// Silence is filled in for so long at once, in seconds; a longer hole is left out.
  public static let longestSilence = 3_600
  /// A frame of 20 ms in CELT that decodes to digital silence.
  private static let silence: [UInt8] = [0xf8, 0xff, 0xfe]

  /// - Parameter serialNumber: of the stream in the file (RFC 3533 §4).
  public init(serialNumber: UInt32) { writer = OggOpusWriter(serialNumber: serialNumber) }

  /// The bytes that the file begins with.
  public mutating func begin(title: String) -> [UInt8] {
    writer.begin(vendor: "Tandem", comments: ["TITLE=\(title)"])
  }

  /// Takes a packet in Opus; returns the bytes to append to the file.
  ///
  /// - Parameter timestamp: of the packet, at 48 kHz.
  public mutating func append(_ payload: UnsafeRawBufferPointer, timestamp: UInt32) -> [UInt8] {
    guard let duration = OpusPacket(payload)?.duration else { return [] }
    var bytes: [UInt8] = []
    if let next = nextTimestamp {
      let ahead = Int(Int32(bitPattern: timestamp &- next))
      // What comes twice, or late, has its place already.
      guard ahead >= 0 else { return [] }
      if ahead <= MixRecorder.longestSilence * OpusPacket.clockRate {
        for _ in 0..<ahead / 960 { bytes += MixRecorder.silence.withUnsafeBytes { writer.append($0) } }
      }
    }
    nextTimestamp = timestamp &+ UInt32(duration)
    return bytes + writer.append(payload)
  }

  /// How long the recording is, in units of 1/48000 s.
  public var duration: Int64 { writer.duration }

  /// The end of the file.
  public mutating func finish() -> [UInt8] { writer.finish() }
}
