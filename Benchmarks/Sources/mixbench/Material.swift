import Codecs
import Glibc
import TestSupport

/// What parties say: speech, and the noise of a silent room, each encoded beforehand.
final class Material {
  let speech: [Int16]
  private var cache: [String: [[UInt8]]] = [:]
  static let frames = 500

  /// - Parameter file: 16-bit samples at 48 kHz; nil makes up speech.
  init(file: String?) {
    let count = Material.frames * 960
    var samples: [Int16] = []
    if let file, let handle = fopen(file, "rb") {
      samples = [Int16](repeating: 0, count: count)
      let read = fread(&samples, 2, count, handle)
      samples.removeLast(count - read)
      fclose(handle)
    }
    if samples.count < count {
      var voice = SpeechLike(seed: 1, pitch: 130)
      samples = voice.samples(count)
    }
    speech = samples
  }

  /// Packets of 20 ms of a speaker, or of room noise that never reaches a voice detector.
  func packets(_ encoding: AudioEncoding, isSpeech: Bool, speaker: Int = 0) -> [[UInt8]] {
    let name = "\(encoding) \(isSpeech) \(speaker)"
    if let packets = cache[name] { return packets }
    guard var encoder = AudioEncoder(encoding, settings: OpusSettings(bitrate: 32_000, complexity: 5)),
      var resampler = Resampler(from: 48_000, to: encoding.sampleRate)
    else { fatalError("no encoder") }
    var seed: UInt32 = 7
    var packets: [[UInt8]] = []
    for frame in 0..<Material.frames {
      let start = (frame + speaker * 137) % Material.frames * 960
      let samples: [Int16] =
        isSpeech
        ? Array(speech[start..<start + 960])
        : (0..<960).map { _ in
          seed = seed &* 1_664_525 &+ 1_013_904_223
          return Int16(Int(seed >> 16) % 9 - 4)
        }
      var converted = [Int16](repeating: 0, count: encoding.sampleRate / 50)
      if encoding.sampleRate == 48_000 {
        converted = samples
      } else {
        _ = samples.withUnsafeBufferPointer { from in
          converted.withUnsafeMutableBufferPointer { resampler.process(from, into: $0) }
        }
      }
      var payload = [UInt8](repeating: 0, count: 2_048)
      let length = converted.withUnsafeBufferPointer { from in
        payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
      }
      packets.append(Array(payload[..<length]))
    }
    cache[name] = packets
    return packets
  }
}

/// The encoder alone.
enum Floor {
  static func opus(_ material: Material, ticks: Int, rate: Int = 48_000) -> Double {
    guard
      var encoder = AudioEncoder(
        .opus, sampleRate: rate, settings: OpusSettings(bitrate: 32_000, complexity: 5)),
      var resampler = Resampler(from: 48_000, to: rate)
    else { fatalError("no encoder") }
    var samples = material.speech
    if rate != 48_000 {
      var converted = [Int16](repeating: 0, count: resampler.outputCount(for: samples.count))
      _ = samples.withUnsafeBufferPointer { from in
        converted.withUnsafeMutableBufferPointer { resampler.process(from, into: $0) }
      }
      samples = converted
    }
    var payload = [UInt8](repeating: 0, count: 2_048)
    let frame = rate / 50
    let start = cpuTime()
    for tick in 0..<ticks {
      let offset = tick % Material.frames * frame
      samples.withUnsafeBufferPointer { from in
        payload.withUnsafeMutableBytes { out in
          _ = encoder.encode(UnsafeBufferPointer(rebasing: from[offset..<offset + frame]), into: out)
        }
      }
    }
    return (cpuTime() - start) / Double(ticks)
  }
}
