import { createMachine } from 'xstate'

export const systemMachine = createMachine({
  "id": "system",
  "initial": "running",
  "entry": [
    {
      "type": "spawnExporters"
    }
  ],
  "on": {
    "config.change": [
      {
        "actions": [
          {
            "type": "refuseBusy"
          }
        ]
      }
    ]
  },
  "states": {
    "running": {
      "initial": "idle",
      "on": {
        "exporters.flush": [
          {
            "actions": [
              {
                "type": "relayFlush"
              }
            ]
          }
        ],
        "exporter.restart": [
          {
            "actions": [
              {
                "type": "relayRestart"
              }
            ]
          }
        ],
        "breaker.command": [
          {
            "actions": [
              {
                "type": "relayBreakerCommand"
              }
            ]
          }
        ],
        "exporter.stopped": [
          {
            "actions": [
              {
                "type": "removeStopped"
              },
              {
                "type": "noteAnswer"
              }
            ]
          }
        ],
        "xstate.error.actor.*": [
          {
            "actions": [
              {
                "type": "respawnCrashed"
              }
            ]
          }
        ],
        "system.stop": [
          {
            "target": "stopping"
          }
        ]
      },
      "states": {
        "idle": {
          "on": {
            "config.change": [
              {
                "target": "preparing"
              }
            ]
          }
        },
        "preparing": {
          "entry": [
            {
              "type": "spawnExporters"
            },
            {
              "type": "beginTransaction"
            },
            {
              "type": "askPrepare"
            }
          ],
          "on": {
            "config.prepared": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ],
            "config.refused": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteRefusal"
                  },
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ],
            "xstate.error.actor.*": [
              {
                "guard": {
                  "type": "isPreparing"
                },
                "actions": [
                  {
                    "type": "noteRefusal"
                  },
                  {
                    "type": "noteAnswer"
                  },
                  {
                    "type": "respawnCrashed"
                  }
                ]
              },
              {
                "actions": [
                  {
                    "type": "respawnCrashed"
                  },
                  {
                    "type": "askPrepareAgain"
                  }
                ]
              }
            ]
          },
          "always": [
            {
              "target": "settling.committing",
              "guard": {
                "type": "allPrepared"
              }
            },
            {
              "target": "settling.aborting",
              "guard": {
                "type": "someRefused"
              }
            }
          ]
        },
        "settling": {
          "initial": "committing",
          "exit": [
            {
              "type": "announceSettled"
            },
            {
              "type": "endTransaction"
            }
          ],
          "on": {
            "config.acknowledged": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ]
          },
          "after": {
            "settleDeadline": [
              {
                "target": "idle"
              }
            ]
          },
          "always": [
            {
              "target": "idle",
              "guard": {
                "type": "allAnswered"
              }
            }
          ],
          "states": {
            "committing": {
              "entry": [
                {
                  "type": "commitAll"
                }
              ],
              "on": {
                "xstate.error.actor.*": [
                  {
                    "actions": [
                      {
                        "type": "commitCrashed"
                      },
                      {
                        "type": "respawnCrashed"
                      },
                      {
                        "type": "noteAnswer"
                      }
                    ]
                  }
                ]
              }
            },
            "aborting": {
              "entry": [
                {
                  "type": "abortAll"
                }
              ],
              "on": {
                "xstate.error.actor.*": [
                  {
                    "actions": [
                      {
                        "type": "abortCrashed"
                      },
                      {
                        "type": "respawnCrashed"
                      },
                      {
                        "type": "noteAnswer"
                      }
                    ]
                  }
                ]
              }
            }
          }
        }
      }
    },
    "stopping": {
      "entry": [
        {
          "type": "stopAll"
        }
      ],
      "on": {
        "xstate.done.actor.*": [
          {
            "actions": [
              {
                "type": "noteAnswer"
              }
            ]
          }
        ],
        "xstate.error.actor.*": [
          {
            "actions": [
              {
                "type": "abandonCrashed"
              },
              {
                "type": "noteAnswer"
              }
            ]
          }
        ]
      },
      "after": {
        "stopDeadline": [
          {
            "target": "stopped"
          }
        ]
      },
      "always": [
        {
          "target": "stopped",
          "guard": {
            "type": "allAnswered"
          }
        }
      ]
    },
    "stopped": {
      "type": "final"
    }
  }
})
