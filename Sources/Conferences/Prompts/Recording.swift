import AudioMixing
import CallModel
import Codecs

/// A sound file that has been read: what is played, and how long it takes.
public struct Recording: Sendable {
  public let audio: PromptAudio
  public let duration: TimeSpan

  /// Bytes of a file: half an hour of stereo at 48 kHz and 16 bits.
  public static let maximumFileLength = 360 << 20

  public init(audio: PromptAudio, duration: TimeSpan) {
    self.audio = audio
    self.duration = duration
  }

  /// - Parameter samples: one channel.
  /// - Throws: ``SoundFileError/tooLong`` for nothing at all, and for more than ``PromptAudio/maximumSeconds``.
  public init(samples: [Int16], sampleRate: Int) throws(SoundFileError) {
    guard let audio = PromptAudio(samples, sampleRate: sampleRate) else { throw .tooLong }
    self.init(
      audio: audio,
      duration: TimeSpan(nanoseconds: Int64(samples.count) * 1_000_000_000 / Int64(sampleRate)))
  }

  /// Reads WAV or Ogg Opus; of several channels their mean.
  public init(reading file: UnsafeRawBufferPointer) throws(SoundFileError) {
    if file.starts(with: "OggS".utf8) {
      try self.init(samples: Recording.opus(file), sampleRate: 48_000)
      return
    }
    let format = try WAVFormat(file)
    guard format.frameCount / format.sampleRate <= PromptAudio.maximumSeconds else { throw .tooLong }
    try self.init(
      samples: format.read(0..<format.frameCount, of: file), sampleRate: format.sampleRate)
  }

  private static func opus(_ file: UnsafeRawBufferPointer) throws(SoundFileError) -> [Int16] {
    var reader = OggOpusReader()
    guard var decoder = AudioDecoder(.opus, sampleRate: 48_000) else { throw .unsupported("no decoder") }
    let block = UnsafeMutableBufferPointer<Int16>.allocate(capacity: decoder.maximumSamples)
    defer { block.deallocate() }
    var samples: [Int16] = []
    var skip = 0
    for item in try reader.read(file) {
      switch item {
      case .header(let header): skip = header.preSkip
      case .audio(let packet):
        guard let count = packet.withUnsafeBytes({ decoder.decode($0, into: block) }) else { continue }
        let skipped = min(skip, count)
        skip -= skipped
        samples.append(contentsOf: block[skipped..<count])
      case .endTrim(let count): samples.removeLast(min(count, samples.count))
      }
      guard samples.count / 48_000 <= PromptAudio.maximumSeconds else { throw .tooLong }
    }
    return samples
  }
}
