import AudioMixing
import CMediaIO
import CallModel
import Codecs
import Glibc

/// What mixing and transcoding cost beside the encoder they cannot do without: CPU microseconds for each
/// party and 20 ms.
///
/// `mixbench [--rounds N] [--seconds S] [--speech FILE.s16] [--sockets] [--verbose] [--json]`. Every row runs in every
/// round, between two encodings of the same speech (the floor): its ratio is to that of its own round. With `--sockets`
/// conferences are whole: this process receives, mixes and sends, another is the parties; and sounds are timed on their way.
@main
struct MixBench {
  struct Row {
    var name: String
    var goal: Double?
    /// CPU microseconds a party and tick.
    var measure: (Material, Int) -> Double
    var floor: (Material, Int) -> Double = { Floor.opus($0, ticks: $1) }
  }

  static func main() {
    var rounds = 5
    var seconds = 4
    var speech: String?
    var isJSON = false
    var hasSockets = false
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--rounds": rounds = arguments.popFirst().flatMap { Int($0) } ?? rounds
      case "--seconds": seconds = arguments.popFirst().flatMap { Int($0) } ?? seconds
      case "--speech": speech = arguments.popFirst()
      case "--sockets": hasSockets = true
      case "--generate":
        let values = Array(arguments)
        guard values.count >= 4 else { exit(2) }
        let encoding = AudioEncoding.generated.first { "\($0)" == values[0] } ?? .opus
        return Generator.run(
          Material(file: values.count > 4 ? values[4] : nil), encoding,
          ports: values[1].split(separator: ",").compactMap { UInt16($0) }, talkers: Int(values[2]) ?? 0,
          seconds: Int(values[3]) ?? 1)
      case "--verbose": Room.verbose = true
      case "--json": isJSON = true
      default:
        print(
          "usage: mixbench [--rounds N] [--seconds S] [--speech FILE.s16] [--sockets] [--verbose] [--json]")
        exit(2)
      }
    }
    let material = Material(file: speech)
    if hasSockets { return measureSockets(material, rounds: rounds, seconds: seconds, speech: speech) }
    let opus = AudioEncoding.opus
    let rows = [
      Row(name: "10 all talking, Opus", goal: 0.75) { Room.cost($0, 10, talkers: 10, opus, $1) },
      Row(name: "10 all talking, Opus, levels", goal: nil) {
        Room.cost($0, 10, talkers: 10, opus, $1, levels: true)
      },
      Row(name: "30, 3 talking, Opus", goal: Goal.fewTalkers) { Room.cost($0, 30, talkers: 3, opus, $1) },
      Row(name: "100, 3 talking, Opus", goal: nil) { Room.cost($0, 100, talkers: 3, opus, $1) },
      Row(name: "300, 3 talking, Opus", goal: nil) { Room.cost($0, 300, talkers: 3, opus, $1) },
      Row(name: "300, 3 talking, Opus, levels", goal: nil) {
        Room.cost($0, 300, talkers: 3, opus, $1, levels: true)
      },
      Row(name: "30, 3 talking, G.711", goal: nil) { Room.cost($0, 30, talkers: 3, .pcma, $1) },
      Row(name: "300, 3 talking, G.711", goal: nil) { Room.cost($0, 300, talkers: 3, .pcma, $1) },
      Row(name: "30 at rest, Opus", goal: nil) { Room.cost($0, 30, talkers: 0, opus, $1, isSilent: true) },
      Row(name: "G.711 to Opus", goal: 1.15) {
        Transcoding.cost($0, from: .pcma, to: .opus, $1)
      } floor: {
        Floor.opus($0, ticks: $1, rate: 8_000)
      },
      Row(name: "Opus to G.711", goal: nil) { Transcoding.cost($0, from: .opus, to: .pcma, $1) },
    ]
    var costs = [[Double]](repeating: [], count: rows.count)
    var ratios = costs
    for _ in 0..<rounds {
      for (i, row) in rows.enumerated() {
        let before = row.floor(material, 200)
        let cost = row.measure(material, seconds * 50)
        let floor = (before + row.floor(material, 200)) / 2
        costs[i].append(cost)
        ratios[i].append(cost / floor)
      }
    }
    if !isJSON {
      print("us for each party and 20 ms, ratio to encoding one frame at complexity 5 (medians of \(rounds))")
    }
    for (i, row) in rows.enumerated() {
      let (cost, ratio) = (median(costs[i]), median(ratios[i]))
      if isJSON {
        let goal = row.goal.map { "\($0)" } ?? "null"
        let figures = "\"us\":\(cost),\"floor\":\(cost / ratio),\"goal\":\(goal)"
        print("{\"row\":\"\(row.name)\",\(figures)}")
      } else {
        let goal = row.goal.map { " goal \(rounded($0)) \(ratio <= $0 ? "met" : "MISSED")" } ?? ""
        print("\(pad(row.name, 32)) \(pad("\(rounded(cost)) us", 12)) \(rounded(ratio)) x\(goal)")
      }
    }
  }

  private static func measureSockets(_ material: Material, rounds: Int, seconds: Int, speech: String?) {
    let rows: [(name: String, count: Int, talkers: Int, encoding: AudioEncoding)] = [
      ("10 all talking, Opus", 10, 10, .opus), ("30, 3 talking, Opus", 30, 3, .opus),
      ("100, 3 talking, Opus", 100, 3, .opus), ("300, 3 talking, Opus", 300, 3, .opus),
      ("30, 3 talking, G.711", 30, 3, .pcma), ("300, 3 talking, G.711", 300, 3, .pcma),
    ]
    print("us for each party and 20 ms, sockets included; ratio to encoding one frame (medians of \(rounds))")
    for row in rows {
      var costs: [Double] = []
      var ratios: [Double] = []
      var least = Double.infinity
      var (ticks, late) = (UInt64(0), UInt64(0))
      for _ in 0..<rounds {
        let before = Floor.opus(material, ticks: 200)
        guard
          let figures = try? Sockets.measure(
            row.count, talkers: row.talkers, row.encoding, seconds: seconds, speech: speech)
        else { fatalError("no relay") }
        let floor = (before + Floor.opus(material, ticks: 200)) / 2
        costs.append(figures.cost)
        ratios.append(figures.cost / floor)
        least = min(least, figures.leastPerSecond)
        ticks += figures.ticks
        late += figures.late
      }
      let name = pad(row.name, 28)
      let deadlines = "\(late) of \(ticks) ticks missed, at least \(rounded(least)) packets/s"
      print("\(name) \(pad("\(rounded(median(costs))) us", 12)) \(rounded(median(ratios))) x  \(deadlines)")
    }
    for (name, delays) in [
      ("through a mix", try? Delay.mix(bursts: 20 * rounds)),
      ("through a transcoder", try? Delay.transcoding(bursts: 20 * rounds)),
    ] {
      guard let delays, !delays.isEmpty else { fatalError("nothing was heard") }
      let last = delays[min(delays.count - 1, delays.count * 99 / 100)]
      print("delay \(name): p50 \(rounded(median(delays))) ms, p99 \(rounded(last)) ms of \(delays.count)")
    }
  }

  static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

extension AudioEncoding {
  /// What the parties of a measured conference may speak.
  static let generated: [AudioEncoding] = [.opus, .pcma, .pcmu, .g722]
}

enum Goal {
  /// 0.15 of what Janus' AudioBridge needs, which is 1.44 encodings for each of thirty parties, three of them
  /// talking.
  static let fewTalkers = 0.15 * 1.44
}

/// Microseconds of this thread.
func cpuTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
}
