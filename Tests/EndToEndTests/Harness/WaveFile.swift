import Foundation
import TestCaller

/// A recording: 16-bit PCM, channels mixed to one.
struct WaveFile: Sendable {
  var sampleRate = 0
  var samples: [Int16] = []

  init(path: String) throws {
    let data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func number(_ offset: Int, _ size: Int) -> Int {
      guard offset + size <= data.count else { return 0 }
      return data[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    guard data.count >= 12, data.starts(with: Array("RIFF".utf8)) else {
      throw HarnessError("\(path) is no WAV file")
    }
    var channels = 1
    var offset = 12
    while offset + 8 <= data.count {
      let kind = String(decoding: data[offset..<offset + 4], as: UTF8.self)
      // A recorder that was killed has not filled in the length.
      var size = number(offset + 4, 4)
      if kind == "data", size == 0 || offset + 8 + size > data.count { size = data.count - offset - 8 }
      if kind == "fmt " {
        channels = max(1, number(offset + 10, 2))
        sampleRate = number(offset + 12, 4)
        guard number(offset + 22, 2) == 16 else { throw HarnessError("\(path) is not 16-bit") }
      } else if kind == "data" {
        for frame in 0..<size / (2 * channels) {
          var sum = 0
          for channel in 0..<channels {
            sum += Int(Int16(truncatingIfNeeded: number(offset + 8 + (frame * channels + channel) * 2, 2)))
          }
          samples.append(Int16(sum / channels))
        }
      }
      offset += 8 + size + size % 2
    }
  }

  var seconds: Double { sampleRate == 0 ? 0 : Double(samples.count) / Double(sampleRate) }

  /// The tones in the middle half, where both sides were surely up.
  var tones: ToneAnalysis {
    ToneAnalysis(Array(samples[samples.count / 4..<samples.count * 3 / 4]), sampleRate: sampleRate)
  }
}
