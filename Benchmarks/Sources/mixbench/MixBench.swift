import AudioMixing
import CallModel
import Codecs
import Glibc

/// What mixing and transcoding cost beside the encoder they cannot do without: CPU microseconds for each
/// party and 20 ms.
///
/// `mixbench [--rounds N] [--seconds S] [--speech FILE.s16] [--verbose] [--json]`. Every row runs in every
/// round, between two encodings of the same speech (the floor): its ratio is to that of its own round.
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
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--rounds": rounds = arguments.popFirst().flatMap { Int($0) } ?? rounds
      case "--seconds": seconds = arguments.popFirst().flatMap { Int($0) } ?? seconds
      case "--speech": speech = arguments.popFirst()
      case "--verbose": Room.verbose = true
      case "--json": isJSON = true
      default:
        print("usage: mixbench [--rounds N] [--seconds S] [--speech FILE.s16] [--verbose] [--json]")
        exit(2)
      }
    }
    let material = Material(file: speech)
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

  static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
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
